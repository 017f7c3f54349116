/** Reads of JSON that others wrote: whatever it is, a property that is missing or of another type is left out. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    // Sound: any property of an object may be read; what is read stays unknown.
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

export function textField(value: unknown, ...path: readonly string[]): string {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function listField(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Every value of an object, by name; nothing where it is none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  // Sound: as above.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** The value of JSON text, or undefined. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON says nothing that could be used.
    return undefined;
  }
}
