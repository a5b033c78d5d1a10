# Every word of the pages, in English.
#
# A text may hold markup; what is put into it ({ $client }) arrives escaped. Names that somebody chose stand
# in <bdi>, so that their direction stays their own. Texts for <title> hold no markup.

## Every page

skip-to-content = Skip to content
title = { $page } – { $product }
title-error = Error: { $page } – { $product }
reference = Reference

## Sign in

sign-in-heading = Sign in
sign-in-to-continue = to continue to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-heading = Confirm it’s you
sign-in-again = Enter your password again to continue to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = Username
sign-in-password = Password
sign-in-submit = Sign in
sign-in-again-submit = Continue
sign-in-demo-heading = Accounts to try
sign-in-demo = <kbd><bdi>{ $username }</bdi></kbd> with password <kbd><bdi>{ $password }</bdi></kbd>

problem-heading = There is a problem
problem-credentials = The username or password is not right. Check both and try again.
problem-password = The password is not right. Check it and try again.
problem-username-missing = Enter your username.
problem-password-missing = Enter your password.
problem-throttled = Too many attempts. { $minutes ->
    [one] Wait 1 minute
   *[other] Wait { $minutes } minutes
 }, then try again.
problem-busy = Too many people are signing in right now. Wait a moment, then try again.

## Consent

consent-title = Allow { $client }?
consent-heading = Allow <bdi>{ $client }</bdi> to use your account?
consent-not-verified = Not verified by { $product }
consent-account = You are <strong><bdi>{ $account }</bdi></strong>
consent-use-another-account = Use another account
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
consent-allow = Allow
consent-deny = Don’t allow

## A form answered before

answered-heading = You have already answered
answered-explanation = This question was answered before, perhaps in another tab. There is nothing left to do here.
answered-return = Return to <bdi>{ $client }</bdi>
answered-return-where = Return to <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> to go on.

## Signing out

sign-out-heading = Sign out?
sign-out-explanation = This ends your session with { $product } in this browser. Apps you have opened may keep you signed in until you sign out there too.
sign-out-submit = Sign out
sign-out-cancel = Stay signed in
signed-out-heading = You are signed out
signed-out-explanation = Your session with { $product } in this browser has ended.
signed-out-apps-in-general = You may still be signed in to apps you have opened. On a shared computer, sign out there too and close the browser.
signed-out-apps = You may still be signed in to these apps. On a shared computer, sign out there too and close the browser.

## The front door

home-explanation = This is where your apps ask who you are. To sign in, open the app you want to use: it brings you here.
home-signed-in = You are signed in as <strong><bdi>{ $account }</bdi></strong>
home-signed-out = Nobody is signed in in this browser.

## Refusals and faults

refusal-sign-in-link = This sign-in link doesn’t work
refusal-expired = This page has expired
refusal-browser = This page belongs to another sign-in
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
fault-heading = Sorry, there is a problem
fault-explanation = The problem is ours, not yours. Try again in a few minutes. If it keeps happening, send this reference to whoever runs the service.
