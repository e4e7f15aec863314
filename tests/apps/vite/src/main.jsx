import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")).render(<h1>Hello from {import.meta.env.VITE_NAME ?? "Vite"}</h1>);
