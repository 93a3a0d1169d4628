// Where a kind builds its forward and its loss: the graph, and the values that gradients must not pass. Gradients are those of
// core/autodiff.
import { appendGradients } from '../autodiff/backward.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { NamedValues } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';

export class Tape {
  readonly g: GraphBuilder;
  readonly #detached: string[] = [];

  constructor(g: GraphBuilder) {
    this.g = g;
  }

  /** The same value, taken as a constant by gradients. */
  detach(value: Value): Value {
    const constant = this.g.op('Identity', [value]);
    this.#detached.push(constant.name);
    return constant;
  }

  /** ∂loss/∂p by name. @throws InputError where a parameter has no way to the loss */
  gradients(loss: Value, parameters: NamedValues): Record<string, Value> {
    const found = appendGradients(this.g, {
      cotangents: new Map([[loss.name, this.g.scalar(1)]]),
      wrt: Object.values(parameters).map(({ name }) => name),
      stop: this.#detached,
    });
    return Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, found.get(value.name) as Value]),
    );
  }
}
