/**
 * The same answer for the same value (by identity) as long as somebody has it. For pure work over large states of which little changes at a time: what did not change is not
 * made again. `context` is all else that the answer depends on; another one (by identity) forgets everything.
 */
export function remember<K extends object, C, V>(make: (key: K, context: C) => V): (key: K, context: C) => V {
  let known = new WeakMap<K, V>();
  let before: C | undefined;
  return (key, context) => {
    if (context !== before) known = new WeakMap();
    before = context;
    const kept = known.get(key);
    if (kept !== undefined) return kept;
    const made = make(key, context);
    known.set(key, made);
    return made;
  };
}
