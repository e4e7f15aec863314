const Database = require("better-sqlite3");
const bcrypt = require("bcrypt");
const sharp = require("sharp");
const db = new Database(":memory:");
require("http").createServer(async (q, r) => {
  const one = db.prepare("select 1 + 1 as two").get().two;
  const ok = await bcrypt.compare("x", await bcrypt.hash("x", 4));
  const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).png().toBuffer();
  r.end(`two ${one} ${ok} ${png.length > 50}\n`);
}).listen(process.env.PORT);
