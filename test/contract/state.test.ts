import { createMemoryState } from '../../api/infra/state/memory.ts';
import { describeState } from './state.ts';

describeState('in memory', async () => {
  let now = Date.now();
  const state = createMemoryState({ now: () => now });
  const advance = async (ms: number) => {
    now += ms;
  };
  return { state, advance, dispose: () => state.stop() };
});
