// A process for tests: watched, then it stands still (`block`) or goes on (`go`).
import { endWhenStandingStill } from './stand-still.ts';

endWhenStandingStill({ lookMs: 50, looks: 10 });
process.send?.('watched');
setTimeout(() => {
  if (process.argv[2] === 'block') for (;;);
}, 200);
// Four times as long as would end one that stands.
setTimeout(() => process.exit(0), 2_000);
