// `npm run check`: everything that judges the sources without starting them, in parallel, in a few seconds.
