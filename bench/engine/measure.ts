// What the engine's bench measures, in a process that does nothing else: opening a model as the command line does up to the
// proto that ONNX Runtime would load, or differentiating a model that is already open.
import { readFile } from 'node:fs/promises';
import { buildVjpModel } from '../../core/autodiff/vjp-model.js';
import { encodeModel } from '../../core/onnx/codec.js';
import { graphOf } from '../../core/onnx/cut.js';
import type { GraphProto, ModelProto } from '../../core/onnx/proto.js';
import { openModel, type OpenedModel } from '../../models/open-model.js';
import { prepareModel } from '../../models/model-session.js';

export type Work = 'open' | 'vjp-site' | 'vjp-parameters';

export interface Measured {
  readonly seconds: number;
  /** Greatest resident memory so far besides file pages, bytes. */
  readonly anonymousBytes: number;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
}

const SITE = 'blocks.5.hook_resid_post';
const EARLIEST = 'blocks.0.hook_resid_post';

/** Does the work once and tells what it cost. */
export async function measure(work: Work, file: string): Promise<Measured> {
  const started = performance.now();
  const opened = await openModel(file);
  let nodesAfter = 0;
  let seconds: number;
  if (work === 'open') {
    const [, ...external] = opened.summary.files;
    await prepareModel({ onnx: opened.path, external }, [SITE]);
    seconds = (performance.now() - started) / 1000;
  } else {
    const begun = performance.now();
    const vjp = differentiate(work, opened);
    encodeModel(vjp);
    seconds = (performance.now() - begun) / 1000;
    nodesAfter = graphOf(vjp).node.length;
  }
  return {
    seconds,
    anonymousBytes: await anonymousBytes(),
    nodesBefore: graphOf(opened.model).node.length,
    nodesAfter,
  };
}

function differentiate(work: Work, { model, summary }: OpenedModel): ModelProto {
  const site = summary.sites.find(({ name }) => name === EARLIEST);
  const outputs = [{ name: 'logits', tensor: summary.outputs[0] ?? '' }];
  const names = work === 'vjp-site' ? [site?.tensor ?? ''] : parameters(graphOf(model));
  return buildVjpModel(model, { outputs, wrt: names.map((tensor) => ({ name: tensor, tensor })) });
}

/** Weights with axes. */
function parameters(graph: GraphProto): string[] {
  return graph.initializer
    .filter(({ dims, dataType }) => dataType === 1 && dims.length > 0)
    .map(({ name }) => name ?? '');
}

/** Peak of all resident pages less the pages of files (Node's own program and libraries). */
async function anonymousBytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kilobytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return (kilobytes('VmHWM') - kilobytes('RssFile')) * 1024;
}
