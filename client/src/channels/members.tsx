import { useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { useViewer } from '../accounts/contexts.ts';
import { type MemberRole, MembersDocument, OpenDirectDocument } from '../gql/graphql.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { FailureNote, Skeleton } from '../ui/notice.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { useChannels } from './context.ts';

const pageSize = 100;

/** The members of a room, page by page, each with a button that opens a direct channel. */
export function Members({ channelId, onClose }: { channelId: string; onClose: () => void }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return (
    <aside className="members" aria-label={texts.rooms.people}>
      <div className="members-head">
        <h2>{texts.rooms.people}</h2>
        <IconButton icon="close" label={texts.close} onClick={onClose} />
      </div>
      {cursors.map((after, index) => (
        <MemberPage
          key={after}
          channelId={channelId}
          after={after}
          onMore={index === cursors.length - 1 ? (cursor) => setCursors([...cursors, cursor]) : null}
        />
      ))}
    </aside>
  );
}

interface MemberPageProps {
  channelId: string;
  after: string | null;
  /** Called with the cursor of the next page; null if that page is shown already. */
  onMore: ((cursor: string) => void) | null;
}

function MemberPage({ channelId, after, onMore }: MemberPageProps) {
  const [result, load] = useQuery({
    query: MembersDocument,
    variables: { channelId, first: pageSize, after },
    requestPolicy: 'cache-and-network',
  });
  const failure = toFailure(result.error);
  const page = result.data?.channel?.members;
  if (failure && !page)
    return (
      <FailureNote
        title={texts.rooms.peopleFailed}
        failure={failure}
        retry={() => load({ requestPolicy: 'network-only' })}
      />
    );
  if (!page) return <Skeleton lines={4} />;
  return (
    <>
      <ul>
        {page.edges.map(({ node, membership }) => (
          <Member key={node.id} user={node} role={membership.role} />
        ))}
      </ul>
      {onMore && page.pageInfo.hasNextPage && (
        <Button isWide onClick={() => page.pageInfo.endCursor && onMore(page.pageInfo.endCursor)}>
          {texts.more}
        </Button>
      )}
    </>
  );
}

interface MemberProps {
  user: { id: string; name: string; avatarUrl: string; online: boolean };
  role: MemberRole;
}

function Member({ user, role }: MemberProps) {
  const channels = useChannels();
  const { viewerId } = useViewer();
  const [result, openDirect] = useMutation(OpenDirectDocument);
  const failure = toFailure(result.error);
  const isViewer = user.id === viewerId;
  const roles = { OWNER: texts.rooms.owner, MODERATOR: texts.rooms.moderator, MEMBER: null };
  const notes = [isViewer && texts.you, roles[role], user.online && texts.rooms.online].filter(Boolean);

  async function openChannel() {
    const { data } = await openDirect({ userId: user.id });
    if (!data?.openDirect) return;
    channels.put(data.openDirect);
    navigate({ screen: 'channel', channelId: data.openDirect.id });
  }

  return (
    <li className="member">
      <Avatar user={user} isOnline={user.online} />
      <div className="member-text">
        <p className="member-name">{texts.nameOf(user)}</p>
        {notes.length > 0 && <p className="member-note">{notes.join(', ')}</p>}
      </div>
      {!isViewer && (
        <IconButton icon="write" label={texts.rooms.write(texts.nameOf(user))} onClick={() => void openChannel()} />
      )}
      {failure && <FailureNote failure={failure} />}
    </li>
  );
}
