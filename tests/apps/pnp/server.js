const app = require("express")();
app.get("/", (q, r) => r.send("Hello from PnP\n"));
app.listen(process.env.PORT);
