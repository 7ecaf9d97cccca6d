// `npm run bench:…`: installs what is missing, then runs one benchmark with the arguments given.
import { prepare } from './setup/prepare.mjs';
import { runNode, withTsx } from './setup/run-node.mjs';

const [entry, ...args] = process.argv.slice(2);
runNode(withTsx(entry, args), prepare());
