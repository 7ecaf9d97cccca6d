// Runs Node in place of this process, as far as that goes: same terminal, same signals, same end.
import { spawn } from 'node:child_process';
import { root } from './environment.mjs';

/** Signals are passed on; a terminal's Ctrl-C may so reach the child twice. */
export function runNode(args, env) {
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : (code ?? 1);
  });
}

/** TypeScript runs through tsx, with no build. */
export const withTsx = (entry, args = []) => ['--import', 'tsx', entry, ...args];
