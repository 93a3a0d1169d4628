// A thread that holds slices of one dictionary: each call of the step is one method of one slice, in the order in which they come.
import { parentPort, workerData } from 'node:worker_threads';
import { encodeError } from '../../runtime/child/wire-error.js';
import { Products } from '../products.js';
import { InlineSlice } from './link.js';
import { rulesFor, type ThreadCall, type ThreadData, type ThreadReply } from './thread-messages.js';

const port = parentPort;
if (port) await serve(port, workerData as ThreadData);

async function serve(to: NonNullable<typeof parentPort>, data: ThreadData): Promise<void> {
  const { architecture, optimisation, slices } = data;
  const reply = (message: ThreadReply): void => to.postMessage(message);
  const quantised = slices.some(({ settings }) => settings.quantised);
  const products = await Products.create({ threads: 1, optimisation }, quantised);
  const held = new Map<number, InlineSlice>();
  for (const { settings, exchange } of slices) {
    const rules = rulesFor(architecture, settings.training !== null);
    held.set(settings.slice.index, new InlineSlice({ ...settings, ...rules }, exchange, products));
  }
  let last = Promise.resolve();
  to.on('message', (call: ThreadCall) => {
    last = last.then(async () => {
      try {
        const slice = held.get(call.slice) as InlineSlice;
        const method = slice[call.method].bind(slice) as (...values: readonly unknown[]) => Promise<unknown>;
        reply({ id: call.id, value: await method(...call.values) });
      } catch (error) {
        reply({ id: call.id, error: encodeError(error) });
      }
    });
  });
  reply({ ready: true });
}
