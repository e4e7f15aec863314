import { Hono } from "hono";

const app = new Hono();
app.get("/", (context) => context.text("Hello from Bun\n"));

export default app;
