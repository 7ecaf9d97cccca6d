// For commands that take no options: `--help` says how to use them, anything else what was found. Neither does the command's work.

/** Ends the process (0 after `--help`, 2 after a mistake), or returns where there is no option. */
export function refuseOptions(usage, [option] = process.argv.slice(2)) {
  if (option === undefined) return;
  if (option === '--help' || option === '-h') {
    console.log(usage);
    process.exit(0);
  }
  console.error(`found ${JSON.stringify(option)}; allowed: no option, or --help\n\n${usage}`);
  process.exit(2);
}
