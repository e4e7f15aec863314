const { book } = require("shelf");
require("http").createServer((q, r) => r.end(`${book()} ${require("ms")(60000)}\n`)).listen(process.env.PORT);
