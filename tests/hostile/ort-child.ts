// A compute child that only loads models: whatever a hostile graph does to ONNX Runtime happens here and kills nothing else.
import { serveChild } from '../../runtime/child/serve.js';
import { Session } from '../../runtime/session.js';

/** Set in the environment of such a child. */
export const ORT_ROLE = 'ASSAY_HOSTILE_ORT';

export interface LoadRequest {
  readonly proto: Uint8Array;
  readonly externalFolder: string;
}

/** Serves `load`: a session made and released. */
export function serveLoads(): void {
  serveChild({
    load: async ({ proto, externalFolder }: LoadRequest): Promise<null> => {
      const settings = {
        provider: 'cpu',
        threads: 1,
        optimisation: 'all',
        externalFolder,
      } as const;
      const session = await Session.create(proto, settings);
      await session.release();
      return null;
    },
  });
}
