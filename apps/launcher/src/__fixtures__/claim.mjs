// Claims a data folder when told to, says whether it got it, and lives on.
import { LaunchNote } from '../data-folder.ts';

console.log('up');
process.stdin.once('data', () => {
  const note = LaunchNote.claim(process.argv[2], 'http://127.0.0.1:1');
  console.log(note === null ? 'refused' : 'claimed');
});
