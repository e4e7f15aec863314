export const greeting = (name: string): string => `Hello from ${name}\n`;
