/** "1, 2.5, -3" as numbers. Throws an error that names the part which isn't one. */
export function numbers(text: string): number[] {
  return text.split(",").map((part) => number(part));
}

/** "shares=80, bonds=20" as an object. */
export function amounts(text: string): Record<string, number> {
  const entries = text.split(",").map((part): [string, number] => {
    const [name, value, ...rest] = part.split("=");
    if (!name?.trim() || value === undefined || rest.length > 0) {
      throw new Error(`"${part.trim()}" is not of the form name=amount.`);
    }
    return [name.trim(), number(value)];
  });
  return Object.fromEntries(entries);
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new Error(`"${text.trim()}" is not a number.`);
  }
  return value;
}
