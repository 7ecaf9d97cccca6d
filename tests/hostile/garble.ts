/** Makes wrong what was right: values, texts and bytes that clients send by mistake or on purpose. Seeded, so a case can be told by its number. */

export type Random = () => number;

export const pick = <T>(random: Random, all: readonly T[]): T =>
  all[Math.floor(random() * all.length)] as T;

export const upTo = (random: Random, most: number): number => Math.floor(random() * (most + 1));

/** Texts that have broken parsers, stores, logs and headers. */
const TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  '\u0000batch_',
  '\r\nx-injected: 1',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%00',
  '%E0%A4%A',
  '💥'.repeat(50),
  '\ud800',
  '\u202etxt.exe',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-0',
  '1e999',
  '0x10',
  '٣',
  '*',
  '{{simulator}}',
  '${HOME}',
  "'; DROP TABLE jobs; --",
  '<script>alert(1)</script>',
  'a'.repeat(257),
  'b'.repeat(5_000),
  '\u2028',
  'deployment/',
  'deployment/__proto__',
  'job_00000000000000000000000000000000',
  'batch_00000000000000000000000000000000.999999999',
  '(?:a+)+$',
];

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e308,
  -1e308,
  2 ** 53,
  Number.MIN_VALUE,
  [],
  {},
  [[]],
  [null],
  { a: null },
  { toString: 1 },
  { length: 1e9 },
];

export const oddText = (random: Random): string => pick(random, TEXTS);

function oddValue(random: Random): unknown {
  const kind = random();
  if (kind < 0.45) return pick(random, VALUES);
  if (kind < 0.9) return oddText(random);
  return nested(pick(random, [3, 127, 130, 1_500]));
}

/** An array in an array in an array … */
function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i += 1) value = i % 2 ? [value] : { a: value };
  return value;
}

/** A deep copy in which about one in `rarity` values, keys or lists is wrong. */
export function garbleJson(value: unknown, random: Random, rarity: number): unknown {
  if (random() * rarity < 1) return oddValue(random);
  if (Array.isArray(value)) {
    const items = value.map((item) => garbleJson(item, random, rarity));
    return random() * rarity < 1 ? [...items, oddValue(random)] : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(
    ([key, item]) => [key, garbleJson(item, random, rarity)] as const,
  );
  const kept = fields.filter(() => random() * rarity * 4 >= 1);
  if (random() * rarity < 1) kept.push([oddText(random), oddValue(random)]);
  // Not assigned one by one: `__proto__` is to become a key like any other.
  return Object.fromEntries(kept);
}

/** Bytes changed, doubled, left out or put in at a few places. */
export function garbleBytes(bytes: Buffer, random: Random): Buffer {
  let garbled = bytes;
  for (let changes = 1 + upTo(random, 3); changes > 0; changes -= 1) {
    const at = upTo(random, garbled.length);
    const [before, after] = [garbled.subarray(0, at), garbled.subarray(at)];
    const cut = upTo(random, Math.min(40, after.length));
    const put = pick(random, [
      Buffer.of(upTo(random, 255)),
      Buffer.from(oddText(random)),
      after.subarray(0, cut),
      Buffer.alloc(0),
    ]);
    garbled = Buffer.concat([before, put, after.subarray(random() < 0.5 ? cut : 0)]);
  }
  return garbled;
}
