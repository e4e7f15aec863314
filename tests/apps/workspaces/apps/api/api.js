const app = require("express")();
app.get("/", (q, r) => r.send("api\n"));
app.listen(process.env.PORT);
