/** The object without these fields. */
export function omit<T extends object, K extends keyof T>(object: T, ...fields: readonly K[]): Omit<T, K> {
  const entries = Object.entries(object).filter(([field]) => !fields.some((each) => each === field));
  // Sound: what is left of T once the fields K are gone.
  return Object.fromEntries(entries) as Omit<T, K>;
}
