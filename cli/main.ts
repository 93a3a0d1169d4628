// Entry of the `assay` process: its streams, its signals and its exit code. Imported by cli/assay.mjs.
import { EXIT } from '../schemas/exit.js';
import { endComputingByInterrupt } from './interrupt.js';
import { processIo } from './io.js';
import { main } from './program.js';

/** How long a command may take to end by itself after an interrupt. */
const GRACE_MS = 5000;

// The SDK would print on every start that it will need Node 22 from 2027 on; docs/operations.md says so once.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const interrupt = new AbortController();
let interrupts = 0;
process.on('SIGINT', () => {
  interrupts += 1;
  if (interrupts > 1) process.exit(EXIT.interrupted);
  interrupt.abort();
  setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref();
});
endComputingByInterrupt();
process.exitCode = await main(process.argv.slice(2), processIo(interrupt.signal));
