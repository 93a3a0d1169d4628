// The backward graph as a model of its own: inputs are the model's own that the gradients need, and one cotangent per output;
// outputs are the gradients. Weights stay where they are: inside, or as references to the files that hold them.
import { InputError } from '../../schemas/errors.js';
import { GraphBuilder } from '../onnx/builder.js';
import { cutToTensors, graphOf } from '../onnx/cut.js';
import { upgradeOpset } from '../onnx/passes/upgrade-opset.js';
import type { ModelProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { appendGradients } from './backward.js';

export interface VjpRequest {
  /** Outputs T (any tensors), each under its name in `cotangent.NAME`. */
  readonly outputs: readonly NamedTensor[];
  /** What to differentiate with respect to: NAME of the output `grad.NAME`, and the tensor behind it. */
  readonly wrt: readonly NamedTensor[];
  /** Tensors through which nothing flows back. */
  readonly stop?: readonly string[];
}

export interface NamedTensor {
  readonly name: string;
  readonly tensor: string;
}

/**
 * The model of the vector-Jacobian product: grad.NAME = Σ_T ⟨cotangent.T, ∂T/∂NAME⟩.
 * 1. Upgrade the opset. 2. Declare the cotangents. 3. Append gradients. 4. Cut what they do not need.
 * @throws InputError as appendGradients, and for outputs of unknown rank or names that are taken
 */
export function buildVjpModel(model: ModelProto, request: VjpRequest): ModelProto {
  const upgraded = upgradeOpset(model);
  // The model's own outputs are not the new one's; what the gradients do not need of them is cut below.
  const g = GraphBuilder.over({ ...upgraded, graph: { ...graphOf(upgraded), output: [] } });
  const cotangents = new Map(request.outputs.map(({ name, tensor }) => [tensor, declareCotangent(g, name, tensor)]));
  if (cotangents.size < request.outputs.length) throw sameTensor(request.outputs);
  const wrt = request.wrt.map(({ tensor }) => tensor);
  const gradients = appendGradients(g, { cotangents, wrt, stop: request.stop ?? [] });
  const wanted = request.wrt.map(({ name, tensor }) => {
    const output = g.output(gradients.get(tensor) as Value, `grad.${name}`);
    return { tensor: output.name };
  });
  return cutToTensors(g.toModel(), wanted).model;
}

function declareCotangent(g: GraphBuilder, name: string, tensor: string): Value {
  const value = g.find(tensor);
  if (value?.shape) return g.input(`cotangent.${name}`, value.dtype, value.shape);
  throw new InputError(
    value === null
      ? `Expected a tensor of the model to differentiate, found none called "${tensor}". Correct the name.`
      : `Expected "${tensor}" with a known number of axes, found none. Export the model with declared output shapes.`,
    { tensor },
  );
}

function sameTensor(outputs: readonly NamedTensor[]): InputError {
  const twice = outputs.find(({ tensor }, i) => outputs.findIndex((o) => o.tensor === tensor) < i);
  return new InputError(
    `Expected outputs that are different tensors, "${twice?.name ?? ''}" is another name of "${twice?.tensor ?? ''}". Name it once.`,
    { output: twice?.name, tensor: twice?.tensor },
  );
}
