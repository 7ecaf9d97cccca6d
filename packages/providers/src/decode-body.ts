/**
 * Undoes a `content-encoding` that nobody asked for: some gateways compress whatever is asked. The length that comes out is
 * bounded, for a few kilobytes may unfold to gigabytes.
 */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const inflateZlib: Decode = promisify(inflate);
const inflateBare: Decode = promisify(inflateRaw);

/** Half the world sends the bare stream under this name; the low bits of the first byte tell. */
const inflateAny: Decode = (bytes, options) =>
  ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateZlib(bytes, options) : inflateBare(bytes, options);

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  ['deflate', inflateAny],
]);

/** The bytes as they were meant; as they came where they are not encoded as the header says; or that they are too many. */
export async function decodeBody(
  bytes: Buffer,
  encoding: string,
  mostBytes: number,
): Promise<Buffer | 'too_large'> {
  const names = encoding.toLowerCase().split(',').toReversed();
  let decoded = bytes;
  try {
    for (const name of names) {
      const decode = DECODERS.get(name.trim());
      if (decode) decoded = await decode(decoded, { maxOutputLength: mostBytes });
    }
    return decoded;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : bytes;
  }
}
