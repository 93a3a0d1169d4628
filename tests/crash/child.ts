// A process that runs the commit sequence and ends itself at the armed point. Arguments: store URL, spool folder, the
// point (`name#n` or `trace` to print all points that are passed).
import { setCrashPoint, traceCrashPoints } from '../../storage/objects/crash-points.js';
import { openStore } from '../../storage/objects/open-store.js';
import { runSequence } from './commit-sequence.js';

const [url = '', spool = '', point = '', endpoint] = process.argv.slice(2);
const passed: string[] = [];
if (point === 'trace') traceCrashPoints((name) => passed.push(name));
else setCrashPoint(point);
const store = await openStore(url, { storeOptions: endpoint === undefined ? {} : { endpoint } });
await runSequence(store, spool, `crashed at ${point}`);
await store.close();
process.stdout.write(JSON.stringify(passed));
