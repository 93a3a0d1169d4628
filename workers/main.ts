// The worker process: connects, builds dependencies, serves its task queues, shuts down gracefully. One JSON argument holds its options.
import { AssayError } from '../schemas/errors.js';
import { setCrashPoint } from '../storage/objects/crash-points.js';
import { crashPointOfEnvironment, parseWorkerOptions } from './environment.js';
import { createLog, takeWarnings } from './log.js';
import { runWorker } from './run-worker.js';

const options = parseWorkerOptions(process.argv[2]);
const log = createLog({ level: options.logLevel, hostId: options.hostId });
takeWarnings(log);

// The SDK would print on every start that it will need Node 22 from 2027 on; docs/operations.md says so once.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
setCrashPoint(crashPointOfEnvironment());

try {
  await runWorker(options, log);
  process.exit(0);
} catch (error) {
  log.error({ err: error }, error instanceof Error ? error.message : String(error));
  process.exit(error instanceof AssayError ? error.exitCode : 1);
}
