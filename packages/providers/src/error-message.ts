/**
 * A provider's words, fit for the ledger of attempts and for logs: no key, no prompt, at most 500 characters.
 * A provider may quote the request in its complaint. What stands in quotation marks and is longer than a name is
 * cut out, and so is everything after a quotation that never closes; a provider that repeats a prompt without
 * quoting it cannot be recognised, which is why the rest is kept short.
 */

const LONGEST = 500;
/** Model names, parameter names and codes are shorter; sentences are longer. */
const LONGEST_QUOTATION = 48;

/** The usual shapes of keys, also half masked ("sk-abcd***wxyz"), and whatever follows "Bearer". */
const KEYS =
  /\b(?:sk|pk|rk|gsk|xai|csk|fw|key|pplx|nvapi|hf|AIza)[-_]?[\w*-]*[\d*][\w*-]{5,}|\bBearer\s+\S+/gi;

/** A quotation begins after a break and ends before one, so that an apostrophe is not taken for a quote. */
const QUOTATION = /(?<=^|[\s([{:=,])(["'`“‘])([\s\S]*?)(["'`”’](?=[\s)\]},.:;!?]|$)|$)/g;

/** Cleans `text`; an empty one becomes `fallback`. */
export function cleanMessage(text: string, fallback: string): string {
  // Providers' own texts are short: what is beyond this is quoted input, and cleaning it would only cost time.
  const clean = text
    .slice(0, 8 * LONGEST)
    .replaceAll(QUOTATION, (whole, open: string, inner: string, close: string) =>
      inner.length > LONGEST_QUOTATION ? `${open}…${close || open}` : whole,
    )
    .replaceAll(KEYS, '[key]')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (clean === '') return fallback;
  return clean.length <= LONGEST ? clean : `${clean.slice(0, LONGEST - 1)}…`;
}
