/** `npm start`: starts Redis, the demo's simulator, API, dispatcher and workers; Ctrl-C drains and stops them all. */
import { loadInstallation } from '@sluice/config';
import { launch } from './launch.ts';
import { say } from './say.ts';
import { waitForStop } from './stop-signals.ts';

const folder = process.cwd();
const loaded = loadInstallation(process.env, folder);
if (loaded.kind === 'invalid') {
  say(loaded.report);
  process.exitCode = 1;
} else {
  const stop = waitForStop();
  const launched = await launch(loaded, {
    folder,
    env: process.env,
    stop,
    terminal: process.stdout.isTTY,
    say,
  });
  if (launched.kind === 'refused') {
    say(launched.reason);
    process.exitCode = 1;
  } else {
    say(launched.screen);
    await stop.asked;
    say('Draining …  (Ctrl-C again stops at once)');
    await launched.stop();
    say('Stopped.');
  }
  stop.forget();
}
