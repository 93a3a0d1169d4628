// What one unit of a feature adds to the residual stream, from its decoder row. Pure.
//
//   one site written    its decoder row
//   several addends     (branch outputs of several layers) their sum: all of them reach the end of the stream
//   several states      (the stream at several layers) that of the last: a later state contains what was in the earlier ones
import { streamRole } from '../../core/hooks/unembedding.js';

export interface Written {
  readonly site: string;
  readonly width: number;
}

/** Turns decoder rows into directions of the stream. */
export type ToStream = (rows: Float32Array) => Float32Array;

/** How the rows become directions of a stream of this width; a sentence where what is written does not add to the stream. */
export function streamDirections(written: readonly Written[], width: number): ToStream | string {
  const names = written.map(({ site }) => site);
  const roles = new Set(names.map(streamRole));
  const [role, other] = roles;
  const odd = names.find((name) => streamRole(name) === null);
  if (odd !== undefined) return `${odd} is not added to the residual stream`;
  if (other !== undefined) return 'it writes both the stream and what is added to it';
  if (written.some((own) => own.width !== width)) return `a site written is not as wide as the stream (${width})`;
  if (names.length === 1) return (rows) => rows;
  const writes = names.length;
  return (rows) => {
    const directions = new Float32Array(rows.length / writes);
    for (let at = 0; at < directions.length; at++) {
      const row = Math.floor(at / width) * width * writes + (at % width);
      let sum = 0;
      for (let w = role === 'state' ? writes - 1 : 0; w < writes; w++) sum += rows[row + w * width] as number;
      directions[at] = sum;
    }
    return directions;
  };
}
