import { useState } from 'react';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { useAccounts, useViewer } from './contexts.ts';

/** The viewer's account: name, e-mail address, registration for guests, and sign-out. */
export function AccountScreen() {
  const { accounts, session } = useAccounts();
  const { localData } = useViewer();
  const viewer = useReadable(session)?.user;
  const [isAsking, setAsking] = useState(false);
  if (!viewer) return null;

  async function signOut() {
    setAsking(false);
    localData.clear();
    navigate({ screen: 'home' }, { replace: true });
    await accounts.signOut();
  }

  return (
    <Pane title={texts.account.title}>
      <div className="page">
        <div className="account-card">
          <Avatar user={viewer} size="large" />
          <div className="account-text">
            <p className="account-name">{viewer.name}</p>
            <p className="account-note">
              {viewer.isGuest ? texts.account.guest : texts.account.signedInAs(viewer.email ?? '')}
            </p>
          </div>
        </div>
        {viewer.isGuest && <p className="page-text">{texts.account.guestNote}</p>}
        <div className="page-actions">
          {viewer.isGuest && (
            <>
              <Button variant="primary" onClick={() => navigate({ screen: 'register' })}>
                {texts.account.register}
              </Button>
              <Button onClick={() => navigate({ screen: 'sign-in' })}>{texts.account.signIn}</Button>
            </>
          )}
          <Button onClick={() => (viewer.isGuest ? setAsking(true) : void signOut())}>{texts.account.signOut}</Button>
        </div>
      </div>
      {isAsking && (
        <Confirm
          title={texts.account.signOutGuest}
          note={texts.account.signOutGuestNote}
          action={texts.account.signOut}
          onConfirm={() => void signOut()}
          onClose={() => setAsking(false)}
        />
      )}
    </Pane>
  );
}
