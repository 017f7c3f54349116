/** One line for the process that started this one, once that has room for it: writing at once fails where its pipe is full. */
export function tellParent(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error == null ? resolve() : reject(error)));
  });
}
