// With SLUICE_TEST_SEED every property test draws the same cases: what judges a change must not depend on luck. Without it
// each run explores other cases; a failing one prints its seed.
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.SLUICE_TEST_SEED) });
