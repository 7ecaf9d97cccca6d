/** Address ranges: `10.0.0.0/8`, `fd00::/8`, or one address, which is a range of itself. */
import { isIP } from 'node:net';

const BITS: Record<number, number> = { 4: 32, 6: 128 };

/** The range as `address/bits`, or null when `text` is none. */
export function parseCidr(text: string): string | null {
  const [address = '', bits, ...rest] = text.trim().split('/');
  const widest = BITS[isIP(address)];
  if (widest === undefined || rest.length > 0) return null;
  if (bits === undefined) return `${address}/${widest}`;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > widest) return null;
  return `${address}/${Number(bits)}`;
}
