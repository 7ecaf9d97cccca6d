// `npm run -s key`: a new API key, and its hash for the config file.
import { createHash, randomBytes } from 'node:crypto';
import { refuseOptions } from './setup/no-options.mjs';

const USAGE = `npm run -s key: prints a new API key, for whoever calls, and below it its hash, for the config file
(api_keys of a tenant or of admin). It takes no options. Nothing is kept: the key is shown this once.`;

refuseOptions(USAGE);
const key = `sk-sluice-${randomBytes(24).toString('base64url')}`;
console.log(key);
console.log(`sha256:${createHash('sha256').update(key).digest('hex')}`);
