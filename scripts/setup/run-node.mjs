// Runs Node in place of this process, as far as that goes: same terminal, same signals, same end.
import { spawn } from 'node:child_process';
import { root } from './environment.mjs';

/** A terminal sends Ctrl-C to both; a signal sent to this process alone is passed on. */
export function runNode(args, env) {
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : (code ?? 1);
  });
}

/** TypeScript runs through tsx, with no build. */
export const withTsx = (entry, args = []) => ['--import', 'tsx', entry, ...args];
