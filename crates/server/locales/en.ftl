# Every word of the pages, in English. The other files have the same texts, and those of the refusals, which are English in the registry.
#
# A text may hold markup; what is put into it ({ $client }) arrives escaped. Names that somebody chose stand
# in <bdi>, so that their direction stays their own. Texts for <title>, and those of the scopes, hold no markup.

## Every page

skip-to-content = Skip to content
title = { $page } – { $product }
title-error = Error: { $page } – { $product }
reference = Reference
continue = Continue
use-another-account = Use another account
return-to = Return to <bdi>{ $client }</bdi>
language-label = Language
language-change = Change
links = Links
link-help = Help
link-privacy = Privacy
link-terms = Terms
password-show = Show password
password-hide = Hide password

## Sign in

sign-in-heading = Sign in
sign-in-to-continue = to continue to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = Confirm it’s you
sign-in-again-heading = Confirm it’s you, <bdi>{ $account }</bdi>
sign-in-again = Enter your password again to continue to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-or-passkey = Enter your password again, or use a passkey, to continue to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = Username
sign-in-password = Password
sign-in-submit = Sign in

passkey-use = Use a passkey
passkey-cancelled = No passkey was used. Try again, or choose another way.
passkey-failed = This browser can’t use a passkey here. Choose another way.
passkey-needs-script = To use your passkey, turn on JavaScript for this page, in a browser that knows passkeys.

problem-heading = There is a problem
problem-credentials = The username or password is not right. Check both and try again.
problem-password = The password is not right. Check it and try again.
problem-username-missing = Enter your username.
problem-password-missing = Enter your password.
problem-throttled = Too many attempts. { $minutes ->
    [one] Wait 1 minute
   *[other] Wait { $minutes } minutes
 }, then try again.
problem-passkey = This passkey was not accepted. Try again, or choose another way.
problem-busy = Too many people are signing in right now. Wait a moment, then try again.

## A second factor

second-factor-passkey-heading = Confirm with your passkey
second-factor-heading = Enter your code
second-factor-account = You are signing in as <strong><bdi>{ $account }</bdi></strong>
second-factor-code = Code from your authenticator app
second-factor-use-recovery-code = Use a recovery code
second-factor-recovery-code = Recovery code
second-factor-recovery-submit = Use this recovery code
problem-code = This code is not right, or was used before. Wait for the next one and try again.
problem-code-missing = Enter the 6 digits that your authenticator app shows.
problem-recovery-code = This recovery code is not right, or was used before.
problem-recovery-code-missing = Enter one of your recovery codes: 16 letters and digits.

enrol-heading = Set up an authenticator app
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> needs more than a password. Scan this with an authenticator app, and enter the code that it shows.
enrol-choice-heading = Add a second way to prove it’s you
enrol-choice-explanation = <strong><bdi>{ $account }</bdi></strong> needs more than a password here. Add something else that proves it’s you.
enrol-scan = Scan this with an authenticator app, and enter the code that it shows.
enrol-qr = QR code for your authenticator app
enrol-type = If you can’t scan it, type this key into the app:
enrol-code = Code that the app shows
problem-enrolment-over = This page was open for too long. Scan the new QR code, and enter the code that the app shows.

offer-heading = Make your account safer
offer-explanation = <strong><bdi>{ $account }</bdi></strong> is protected by a password alone. Whoever learns it can sign in. A code from your phone keeps them out.
offer-not-now = Not now

recovery-codes-heading = Save your recovery codes
recovery-codes-explanation = Each of these signs you in once, in place of your authenticator app. This is the only time you see them.
recovery-codes-advice = Print them, or write them down, and keep them where only you find them.
recovery-codes-saved = I have saved them

## A password, by a link

recover-link = Forgot your password?
recover-heading = Get back into your account
recover-explanation = Enter the name you sign in with, or your email address. We send a link by which you choose anew how you sign in.
recover-account = Username or email address
recover-submit = Send the link
problem-recover-missing = Enter your username or your email address.
recovery-asked-heading = Check your email
recovery-asked-explanation = If there is an account of that name or address, and we know an email address that is its owner’s, a link is on its way there. It works once, for 30 minutes.
recovery-asked-advice = Nothing arrived? Look among the spam, check what you typed, and ask whoever runs this service if it stays away.

first-sign-in-heading = Choose how you sign in
first-password-heading = Choose a password
new-password-heading = Choose a new password
new-password-ends = This signs you out everywhere else, and apps lose their access until you allow it again.
new-password-label = New password
new-password-again = New password, again
new-password-advice = At least { $minimum } characters. A few words in a row are easy to remember.
new-password-end-others = Sign out everywhere else, and end what apps were granted. They ask again.
new-password-submit = Set password
problem-new-password-missing = Enter a new password.
problem-new-password-differs = The two passwords are not the same. Enter the new password twice.
problem-new-password-short = This password is too short. It needs at least { $minimum } characters.
problem-new-password-long = This password is too long. Choose a shorter one.
problem-new-password-character = This password has a character in it that can’t be typed when you sign in. Choose one without it.
problem-new-password-common = This password is one of those that are tried first. Choose another, for instance a few words in a row.
problem-new-password-name = This password is a name or address of yours or of this service. Choose one that says nothing about either.

## Choosing an account

not-admitted-heading = You can’t use this app
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> is signed in here, and this account may not use <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>.
not-admitted-ask = To be let in, ask:
not-admitted-ask-owner = To be let in, ask whoever runs <bdi>{ $client }</bdi>.
select-account-heading = Choose an account
select-account-continue = Continue as <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = Allow { $client }?
consent-heading = Allow <bdi>{ $client }</bdi> to use your account?
consent-account = You are <strong><bdi>{ $account }</bdi></strong>
consent-resource = It will use <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> asks to
consent-asks-more = <bdi>{ $client }</bdi> now also asks to
consent-asks-nothing = <bdi>{ $client }</bdi> asks for no particular permission.
consent-identity = Who you are
consent-read = Read
consent-change = Change
consent-while-away = While you are away
consent-other = Other
consent-new = New
consent-unknown = Permission <code><bdi>{ $scope }</bdi></code>, no description given
consent-unknown-warning = Nobody has described what this permits. Allow it only if you know what it is for.
consent-already-allowed = You have already allowed
consent-return = The app will return you to <strong><bdi>{ $host }</bdi></strong>
consent-loopback = This is an app on this computer. Allow it only if you have just started it yourself.
consent-client-pages = More from <bdi>{ $client }</bdi>:
consent-allow = Allow
consent-deny = Don’t allow

# The scopes of OpenID Connect, as the consent page names them. What an operator writes for a scope comes before these.
scope-openid = Know that it is you
scope-profile = See your name, your picture and the rest of your profile
scope-email = See your email address
scope-phone = See your phone number
scope-address = See your postal address
scope-groups = See which groups you are in
scope-offline-access = Keep access while you are not using the app, until you remove it
scope-admin-read = See everything on this server: users, apps, sessions, keys and events
scope-admin-write = Change everything on this server: users, apps, sessions and keys
scope-scim = Create, change and remove users and groups

## On the way back to the app

form-post-title = Returning to { $client }
form-post-heading = Returning to <bdi>{ $client }</bdi>
form-post-explanation = If nothing happens, select Continue to go on to <strong><bdi>{ $host }</bdi></strong>.

## A redirect too long for a header

go-on-heading = One moment
go-on-explanation = If nothing happens, select Continue.

## A form answered before

answered-heading = You have already answered
answered-explanation = This question was answered before, perhaps in another tab. There is nothing left to do here.
answered-return-where = Return to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> to go on.

## Signing out

sign-out-heading = Sign out?
sign-out-explanation = This ends your session with { $product } in this browser. Apps you have opened may keep you signed in until you sign out there too.
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> asks to sign you out of { $product } in this browser. Other apps you have opened may keep you signed in until you sign out there too.
sign-out-told = These apps are told, and sign you out too
sign-out-return = Afterwards you return to <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = The app’s request could not be verified, so you will not be sent back to it.
sign-out-submit = Sign out
sign-out-cancel = Stay signed in
signed-out-heading = You are signed out
signed-out-explanation = Your session with { $product } in this browser has ended.
signed-out-told = You are also signed out of
signed-out-not-told = You may still be signed in to
signed-out-apps-in-general = You may still be signed in to apps you have opened. On a shared computer, sign out there too and close the browser.
signed-out-not-told-advice = They could not be told. On a shared computer, sign out there too and close the browser.

## The front door

home-explanation = This is where your apps ask who you are. To sign in, open the app you want to use: it brings you here.
home-signed-in = You are signed in as <strong><bdi>{ $account }</bdi></strong>
home-signed-out = Nobody is signed in in this browser.
home-unclear = This browser sent a sign-in cookie that can’t be used, so we can’t tell whether you are signed in. To be sure, delete the cookies of this site in your browser’s settings.

## Refusals and faults

refusal-sign-in-link = This sign-in link doesn’t work
refusal-expired = This page has expired
refusal-browser = This page belongs to another sign-in
refusal-sign-out = Nobody was signed out
refusal-link = This link doesn’t work
refusal-forbidden = You can’t do that from here
refusal-not-found = Page not found
refusal-method = This page can’t be opened that way
refusal-too-large = That was too much to read
refusal-too-many = Too many attempts
refusal-unavailable = Please try again in a moment
refusal-code = Code
refusal-for-developers = For developers
refusal-detail = What is wrong
refusal-received = What we received
refusal-received-empty = empty
refusal-received-more = { $count ->
    [one] and 1 more parameter
   *[other] and { $count } more parameters
 }
refusal-docs = What this code means
refusal-recover = Ask for a new link
refusal-front-page = Front page of <bdi>{ $product }</bdi>
error-entry-error = Error code
error-entry-spec = Specification
error-entry-why = Why it happens
error-entry-remedy = What those who run the app or this server can do
fault-heading = Sorry, there is a problem
fault-explanation = The problem is ours, not yours. Try again in a few minutes. If it keeps happening, send this reference to whoever runs the service.

## Mails. In the subject and in the text without markup, <bdi> is left out.

mail-invite-subject = Set up your account at { $product }
mail-invite = You have been given an account at <bdi>{ $product }</bdi>. Choose how you want to sign in.
mail-invite-action = Set up your account
mail-verify-subject = Confirm your address for { $product }
mail-verify = Somebody gave this address at <bdi>{ $product }</bdi>. If it was you, confirm that it is yours. If not, there is nothing to do: nothing happens without you.
mail-verify-action = Confirm this address
mail-recover-subject = Get back into your account at { $product }
mail-recover = Somebody, most likely you, wants to get back into your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi>. If it was not you, there is nothing to do: nothing has changed.
mail-recover-action = Get back in
mail-sign-up-subject = Create your account at { $product }
mail-sign-up = Somebody gave this address to create an account at <bdi>{ $product }</bdi>. If it was you, go on here. If not, there is nothing to do: no account is created without you.
mail-sign-up-action = Create your account
mail-sign-up-invite-subject = You are invited to { $product }
mail-sign-up-invite = You are invited to create an account at <bdi>{ $product }</bdi>. You choose your own username, and how you sign in.
mail-account-exists-subject = You have an account at { $product } already
mail-account-exists = Somebody, most likely you, tried to create an account at <bdi>{ $product }</bdi> with this address. It belongs to your account <bdi>{ $account }</bdi>. Sign in with that; if you have forgotten the password, you can choose a new one there.
mail-address-changed-subject = Your address at { $product } was changed
mail-address-changed = Since { $when }, your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> has another address. This is the last message to this one.
mail-password-changed-subject = Your password at { $product } was changed
mail-password-changed = The password of your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> was changed ({ $when }).
mail-otp-added-subject = An authenticator app was added at { $product }
mail-otp-added = An authenticator app was added to your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> ({ $when }).
mail-otp-removed-subject = The authenticator app was removed at { $product }
mail-otp-removed = The authenticator app of your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> was removed, with its recovery codes ({ $when }).
mail-passkey-added-subject = A passkey was added at { $product }
mail-passkey-added = A passkey was added to your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> ({ $when }).
mail-passkey-removed-subject = A passkey was removed at { $product }
mail-passkey-removed = A passkey of your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> was removed ({ $when }).
mail-recovery-codes-made-subject = New recovery codes at { $product }
mail-recovery-codes-made = New recovery codes were made for your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> ({ $when }). The old ones are no longer good.
mail-recovery-code-used-subject = A recovery code was used at { $product }
mail-recovery-code-used = A recovery code of your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> was used to sign in ({ $when }).
mail-second-factor-guessed-subject = Wrong codes at { $product }
mail-second-factor-guessed = Too many wrong codes were entered for your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> ({ $when }). For five minutes, no more are tried.
mail-guessed-advice = Whoever entered them knows your password. If it was not you, change it.
mail-new-device-subject = A new sign-in at { $product }
mail-new-device = Somebody signed in to your account <bdi>{ $account }</bdi> at <bdi>{ $product }</bdi> in a browser that you have not used there lately ({ $when }).
mail-not-you = If it was not you, somebody else may use your account: change your password, and look through your sign-in methods and devices.
mail-account-action = Open your account
mail-link = If the button does not work, copy this address into your browser:
mail-link-minutes = The link is good for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
 }, and once.
mail-link-hours = The link is good for { $hours ->
    [one] 1 hour
   *[other] { $hours } hours
 }, and once.
mail-footer = <bdi>{ $product }</bdi> sent this message automatically. Nobody reads answers to it.
mail-test-subject = A test from { $product }
mail-test = This message shows that <bdi>{ $product }</bdi> can send mail to you.
mail-test-action = Open <bdi>{ $product }</bdi>

## The account page

account-title = Your account
account-overview = Overview
account-security = How you sign in
account-security-short = Sign-in
account-activity = Recent activity
account-activity-short = Activity
account-apps-short = Apps
account-sessions-short = Sessions
account-again = It’s you. Nothing has changed yet: select what you wanted once more.
account-apps = Apps with access
account-apps-explanation = What you remove ends at once at this server. An API that does not ask this server may take an app’s last token for up to { $minutes } more { $minutes ->
    [one] minute
   *[other] minutes
 }.
account-no-apps = No app has access to your account.
account-since = Since { $date }
account-last-used = Last used: { $date }
account-remove-access = Remove access
account-sessions = Where you are signed in
account-this-session = This browser
account-other-session = Another browser
session-device = <bdi>{ $browser }</bdi> on <bdi>{ $system }</bdi>
account-signed-in-with = Signed in with
account-end-session = Sign out there
account-end-others = Sign out everywhere else
account-password-changed = Set on { $date }
account-no-password = Your account has no password.
account-change-password = Change password
account-no-authenticator = A code from your phone keeps out whoever learns your password.
account-authenticator-off = Authenticator apps are switched off here.
account-authenticator-demanded = A second factor is demanded of you, so it can’t be removed.
account-remove-authenticator = Remove authenticator app
account-recovery-codes = Recovery codes
account-recovery-codes-left = { $count ->
    [one] 1 recovery code is left.
   *[other] { $count } recovery codes are left.
 }
account-new-recovery-codes = Make new recovery codes
account-new-recovery-codes-note = The codes that you have now stop working.
account-no-activity = Nothing has happened yet.
account-earlier = Earlier
event-user-added = Account created
event-user-locked = Account locked
event-user-unlocked = Account unlocked
event-claims-updated = Details of your account changed
event-password-set = Password set
event-second-factor-added = Authenticator app added
event-second-factor-removed = Authenticator app removed
event-recovery-codes-made = New recovery codes made
event-recovery-code-used = Recovery code used, { $left ->
    [one] 1 is left
   *[other] { $left } are left
 }
event-second-factor-guessed = Somebody who knows your password guessed codes
event-session-started = Signed in
event-session-ended = Signed out of a browser
event-sessions-ended = Signed out everywhere
event-other-sessions-ended = Signed out everywhere else
event-consent-given = <bdi>{ $client }</bdi> was given access
event-access-removed = Access of <bdi>{ $client }</bdi> removed
account-name = Name
account-name-hint = What apps call you, where you let them see your profile.
account-name-submit = Save name
problem-name = Enter a name of at most 128 characters, on one line.
account-facts = Also known about you
account-facts-explanation = Apps see this where you let them.
account-email = Email address
account-phone = Phone number
claim-given-name = First name
claim-middle-name = Middle name
claim-family-name = Last name
claim-nickname = Nickname
claim-address = Postal address
claim-groups = Groups
claim-birthdate = Date of birth
claim-gender = Gender
claim-picture = Picture
claim-profile = Profile page
claim-website = Website
claim-locale = Language
claim-zoneinfo = Time zone
account-app-sees = It can see now:
account-delete = Delete your account
account-delete-explanation = Everything ends at once: your sessions, what apps were granted, and how you sign in. It does not come back.
account-delete-confirm = Type <strong><bdi>{ $account }</bdi></strong> to confirm
problem-confirmation = That is not the name of this account.
account-deleted-heading = Your account is deleted
account-deleted-explanation = You are signed out everywhere, and apps are told. What they keep about you they keep themselves: ask them.
home-account = Your account, apps and sessions

## When, and by what

moment-now = within the last hour
moment-hours = { $hours ->
    [one] 1 hour ago
   *[other] { $hours } hours ago
 }
factor-password = Password
factor-otp = Authenticator app
factor-recovery-code = Recovery code
factor-passkey = Passkey

## Passkeys

account-passkeys = Passkeys
account-passkeys-explanation = A passkey signs you in without a password: with your fingerprint, your face, or the PIN of your device.
account-no-passkeys = You have no passkey yet.
account-add-passkey = Add a passkey
account-passkey-added = Added: { $date }
account-passkey-unused = Not used yet
account-passkey-synced = On your devices
account-passkey-one-device = On one device or security key
account-passkey-rename = Change the name
account-passkey-name = Name
account-passkey-save-name = Save the name
account-passkey-remove = Remove
account-passkey-last = This passkey is your only way to sign in. Add another one before you remove it.
account-passkey-demanded = A second factor is demanded of you, and this passkey is the only one. Add another one, or an authenticator app, before you remove it.
new-passkey-explanation = Your browser asks where to keep it: on this device, in your password manager, or on a security key.
new-passkey-submit = Create a passkey
new-passkey-cancelled = No passkey was created. Try again when you are ready.
new-passkey-there = There is a passkey for your account in that place already.
new-passkey-failed = This browser can’t create a passkey here. Try another browser or device.
problem-new-passkey = This passkey could not be added. Try again.
problem-new-passkey-over = This page was open for too long. Try again.
problem-new-passkey-not-verified = Set a PIN for this key first, or use a device that you unlock with your fingerprint, your face or a PIN.
problem-new-passkey-not-discoverable = This security key has no room for a passkey, or can’t keep one. Use another one.
problem-new-passkey-known = This passkey belongs to an account already.
problem-new-passkey-too-many = You have as many passkeys as there can be. Remove one first.
passkey-name = Passkey
passkey-security-key = Security key
account-your-passkeys = Your passkeys
event-passkey-added = A passkey was added
event-passkey-renamed = A passkey got another name
event-passkey-removed = A passkey was removed
event-passkey-count-behind = A passkey that may have been copied was used
offer-passkey-explanation = Next time, sign in as <strong><bdi>{ $account }</bdi></strong> without a password: with your fingerprint, your face, or the PIN of this device. Nobody can guess it or ask you for it.


## The mail address of the account

phone-change = Change phone number
phone-explanation = Apps that may see it are told that nobody has checked it. Leave it empty to have none here.
phone-hint = With the country code, such as +44 20 7946 0000.
phone-submit = Save phone number
problem-phone = Enter a phone number that begins with + and the country code, such as +44 20 7946 0000.
account-address = Email address
address-change = Change email address
address-confirmed = Confirmed
address-not-confirmed = Not confirmed yet
address-unknown = No email address is known.
address-explanation = We send a link to the address that you enter. It becomes yours when you open the link here and confirm it. Apps that may see your address see the new one from then on.
address-new = New email address
address-by-operator = It can’t be changed here. Ask whoever runs this service.
address-sent = A link is on its way to <strong><bdi>{ $address }</bdi></strong>. Open it in this browser within an hour, and confirm it there.
problem-address = Enter an email address, such as ada@example.com.
confirm-address-heading = Confirm your email address
confirm-address-explanation = From now on, <strong><bdi>{ $address }</bdi></strong> is the email address of your account <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = Confirm this address

## Signing up

sign-up-heading = Create an account
sign-up-explanation = Enter your email address. We send you a link by which you choose a username, and how you sign in.
sign-up-domains = Only addresses at:
sign-up-sign-in = I already have an account
problem-sign-up-domain = Nobody can sign up here with an address of that domain.
sign-up-asked-explanation = A message is on its way to that address. Its link creates your account, within 24 hours, or the message says that you have one already. Open it in this browser to go on where you were.
new-account-for = for <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = What you sign in with.
new-account-name = Name (optional)
new-account-passkey = Use a passkey instead of a password
new-account-password = Choose a password instead
problem-username-unfit = This can’t be a username. Use letters of one script, digits and signs, at most 128.
problem-username-address = A username that looks like an email address has to be your own address.
problem-username-taken = This username is taken. Choose another one.
