// Judges a lock file and the registry's report. Pure: texts in, sentences out.

/** Packages that may run a script when they are installed, and why they do. */
const MAY_RUN_SCRIPTS = new Map([
  ['esbuild', 'checks that its binary is the platform’s'],
  ['msgpackr-extract', 'builds an optional speed-up where there is no prebuilt one'],
  ['fsevents', 'optional, macOS'],
]);

/** Licences that ask for nothing but a notice. */
const LICENCES =
  /^\(?(MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|Python-2\.0|CC0-1\.0|Unlicense|Zlib|WTFPL)( (OR|AND) [\w.-]+)*\)?$/;

/** What is wrong with the packages of a lock file (version 3). */
export function findingsIn({ packages }) {
  return Object.entries(packages).flatMap(([path, one]) => {
    if (!path.includes('node_modules/') || one.link) return [];
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return [
      ...(one.integrity || one.bundled || one.inBundle ? [] : [`${path} has no integrity hash`]),
      ...(one.resolved ? [`${path} names the registry it came from`] : []),
      ...(one.hasInstallScript && !MAY_RUN_SCRIPTS.has(name)
        ? [
            `${path} runs a script when it is installed; allowed: ${[...MAY_RUN_SCRIPTS.keys()].join(', ')}`,
          ]
        : []),
      ...(one.license === undefined || LICENCES.test(one.license)
        ? []
        : [`${path} is licensed ${one.license}`]),
    ];
  });
}

const SERIOUS = new Set(['high', 'critical']);

/** `unknown`: why the registry's word is not to be had. */
export function judgeReport(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { findings: [], unknown: 'the registry gave no answer' };
  }
  if (report.vulnerabilities === undefined)
    return { findings: [], unknown: 'the registry does not answer `npm audit`' };
  const findings = Object.values(report.vulnerabilities)
    .filter(({ severity }) => SERIOUS.has(severity))
    .map(
      ({ name, severity, range }) =>
        `${name} ${range} has a vulnerability (${severity}): npm audit`,
    );
  return { findings, unknown: null };
}
