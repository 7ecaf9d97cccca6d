// `npm run -s key`: a new API key, and its hash for the config file.
import { createHash, randomBytes } from 'node:crypto';

const key = `sk-sluice-${randomBytes(24).toString('base64url')}`;
console.log(key);
console.log(`sha256:${createHash('sha256').update(key).digest('hex')}`);
