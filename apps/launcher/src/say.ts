/** What the launcher says to the person at the terminal. Its children's logs go elsewhere. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
