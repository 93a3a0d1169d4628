// The one operator of which ONNX Runtime's result depends on luck: its CPU ScatterND with a reduction lets several threads add to the
// same row at once, and loses some of what they add wherever an index occurs twice. Whether indices are distinct is not to be seen in a
// graph, so that none of ours has it; ScatterElements adds one after the other, with any number of threads.
// Proof: tests/golden/onnx/scatter-race.test.ts.
import { InputError } from '../../schemas/errors.js';
import type { AttributeValue } from './make.js';

/** @throws InputError for ScatterND with a reduction */
export function refuseRace(opType: string, attributes: Readonly<Record<string, AttributeValue>>): void {
  const given = attributes['reduction'];
  const reduction = typeof given === 'string' ? given : 'none';
  if (opType !== 'ScatterND' || reduction === 'none') return;
  throw new InputError(
    `Expected a graph without a scatter that races, got ScatterND with reduction ${reduction}: ONNX Runtime adds rows of equal indices from several threads at once and loses some. Use ScatterElements with the same reduction, or a matrix product.`,
    { operator: opType, reduction },
  );
}
