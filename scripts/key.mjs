// `npm run -s key`: a new API key, and its hash for the config file.
import { createHash, randomBytes } from 'node:crypto';

const USAGE = `npm run -s key: prints a new API key, for whoever calls, and below it its hash, for the config file
(api_keys of a tenant or of admin). It takes no options. Nothing is kept: the key is shown this once.`;

const [option] = process.argv.slice(2);
if (option === '--help' || option === '-h') {
  console.log(USAGE);
} else if (option !== undefined) {
  console.error(`found ${JSON.stringify(option)}; allowed: no option, or --help\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const key = `sk-sluice-${randomBytes(24).toString('base64url')}`;
  console.log(key);
  console.log(`sha256:${createHash('sha256').update(key).digest('hex')}`);
}
