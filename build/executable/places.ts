import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Where in the executable its assets are, written into one of them: a process reads what it needs once, with read(2). Taken as Node gives them, by way of
 * the mapped file, all that was ever read would count to its memory as long as it lives.
 */
export const PLACES = 'places.json';

/** What stands in the place of the places until they are known; as long as they may become. */
export const UNKNOWN_PLACES = '{"of":"assets, not known yet"}'.padEnd(1024);

/** `assets`: name → file; each stands in the executable byte for byte. */
export function writePlaces(executable: string, assets: Readonly<Record<string, string>>): void {
  const bytes = readFileSync(executable);
  const find = (content: Buffer | string, name: string) => {
    const at = bytes.indexOf(content);
    if (at < 0) throw new Error(`find ${name} in ${executable}: it does not stand there as it is`);
    return at;
  };
  const places = Object.entries(assets).map(([name, file]) => {
    const content = readFileSync(file);
    return [name, { at: find(content, name), length: content.length }];
  });
  const text = JSON.stringify(Object.fromEntries(places)).padEnd(UNKNOWN_PLACES.length);
  if (text.length > UNKNOWN_PLACES.length) throw new Error(`write the places of assets: ${text.length} bytes are too many`);
  bytes.write(text, find(UNKNOWN_PLACES, PLACES));
  writeFileSync(executable, bytes);
}
