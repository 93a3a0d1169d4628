// Every tensor of every fixture model: its inferred type, with batch and seq bound, against what ONNX Runtime computes.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { inferTypes } from '../../../core/onnx/infer.js';
import { upgradeOpset } from '../../../core/onnx/passes/upgrade-opset.js';
import { foldShapes } from '../../../core/onnx/passes/fold-shapes.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import type { Value } from '../../../core/onnx/shape.js';
import { evaluateDim } from '../../../core/onnx/symbolic.js';
import type { TensorValue } from '../../../runtime/session.js';
import { FAMILIES, MODEL_FILES } from '../../harness/fixtures.js';
import { feedsOf, runModel } from '../../unit/core/onnx/run-model.js';

const families = readdirSync(FAMILIES)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => `${FAMILIES}/${file}`);
/** Tensors with an axis that stays unknown: a mixture's tokens are repeated as often as a OneHot, with two axes, says. */
const OPEN: Readonly<Record<string, number>> = { 'families/gptoss.legacy.onnx': 6 };
const SIZES = { batch: 2, seq: 7 };

/** The model with every tensor that a node makes as an output. */
function exposed(model: ModelProto): { model: ModelProto; names: readonly string[] } {
  const graph = graphOf(model);
  const names = graph.node.flatMap((node) => node.output).filter((name) => name !== '');
  const output = names.map((name) => ({ name, metadataProps: [] }));
  return { model: { ...model, graph: { ...graph, output } }, names };
}

/** What differs between an inferred type and a tensor, as text; null where all is as inferred. */
function difference(type: Value | undefined, actual: TensorValue | undefined): string | null {
  if (!type?.shape || !actual) return 'unknown rank';
  const sizes = type.shape.map((dim) => evaluateDim(dim, SIZES));
  const shape = actual.dims.map((size, axis) => (sizes[axis] === null ? null : size));
  if (type.dtype !== actual.dtype || sizes.join() !== shape.join())
    return `${type.dtype} [${type.shape.join(', ')}] is ${actual.dtype} [${actual.dims.join(', ')}]`;
  const values = type.values?.map((value) => evaluateDim(value, SIZES));
  const wrong = values?.some((value, i) => value !== null && value !== Number(actual.data[i]));
  return wrong === true ? `${String(type.values)} is ${String(actual.data)}` : null;
}

describe.each([...MODEL_FILES, ...families].map((file) => [file.split('/').slice(-2).join('/'), file]))(
  '%s',
  (name, file) => {
    const original = decodeModel(readFileSync(file));
    test.each([
      ['as exported', original],
      ['in opset 20 with folded shapes', foldShapes(upgradeOpset(original))],
    ])('%s: sizes of all tensors are inferred and true', async (_name, model) => {
      const all = exposed(model);
      const types = inferTypes(model);
      const actual = await runModel(all.model, feedsOf(model), 'disabled');
      const differences = all.names.flatMap((tensor) => {
        const found = difference(types.get(tensor), actual[tensor]);
        return found === null ? [] : [`${tensor}: ${found}`];
      });
      expect(differences).toEqual([]);
      const open = all.names.filter((tensor) =>
        types.get(tensor)?.shape?.some((dim) => evaluateDim(dim, SIZES) === null),
      );
      expect(open).toHaveLength(OPEN[name] ?? 0);
      expect(all.names.length).toBeGreaterThan(80);
    });
  },
);
