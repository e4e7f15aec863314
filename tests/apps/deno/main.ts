import { Hono } from "hono";
import { greeting } from "./greeting.ts";

const app = new Hono();
app.get("/", (context) => context.text(greeting("Deno")));

Deno.serve(app.fetch);
