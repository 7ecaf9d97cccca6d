/** For whoever sends a CSV where lines of JSON are wanted. Pure. */

/** A sentence for behind what is said of a line that is no JSON; '' where it was meant to be some. */
export const csvAdvice = (line: string): string =>
  /^\s*[{[]/.test(line) || !/[,;\t]/.test(line)
    ? ''
    : ' Each line is a request of its own, in JSON: README.md shows how a CSV becomes such a file.';
