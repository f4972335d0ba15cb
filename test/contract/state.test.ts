import { createMemoryState } from '../../api/infra/state/memory.ts';
import { describeOnlineMembers } from './online-members.ts';
import { describeState, persistedBytes } from './state.ts';

async function createUnderTest() {
  let now = Date.now();
  const state = createMemoryState({ now: () => now, persistedBytes });
  const advance = async (ms: number) => {
    now += ms;
  };
  return { state, advance, dispose: () => state.stop() };
}

describeState('in memory', createUnderTest);
describeOnlineMembers('in memory', createUnderTest);
