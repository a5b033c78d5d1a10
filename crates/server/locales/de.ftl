# Every word of the pages, in German (Sie).

## Every page

skip-to-content = Zum Inhalt springen
title = { $page } – { $product }
title-error = Fehler: { $page } – { $product }
reference = Referenz
continue = Weiter
use-another-account = Anderes Konto verwenden
return-to = Zurück zu <bdi>{ $client }</bdi>
language-label = Sprache
language-change = Ändern
links = Links
link-help = Hilfe
link-privacy = Datenschutz
link-terms = Nutzungsbedingungen
password-show = Passwort anzeigen
password-hide = Passwort verbergen

## Sign in

sign-in-heading = Anmelden
sign-in-to-continue = weiter zu <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = Bestätigen Sie, dass Sie es sind
sign-in-again-heading = Bestätigen Sie, dass Sie es sind: <bdi>{ $account }</bdi>
sign-in-again = Geben Sie Ihr Passwort noch einmal ein, um zu <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> weiterzugehen
sign-in-again-or-passkey = Geben Sie Ihr Passwort noch einmal ein, oder verwenden Sie einen Passkey, um zu <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> weiterzugehen
sign-in-username = Benutzername
sign-in-password = Passwort
sign-in-submit = Anmelden

passkey-use = Passkey verwenden
passkey-cancelled = Es wurde kein Passkey verwendet. Versuchen Sie es noch einmal oder wählen Sie einen anderen Weg.
passkey-failed = Dieser Browser kann hier keinen Passkey verwenden. Wählen Sie einen anderen Weg.
passkey-needs-script = Um Ihren Passkey zu verwenden, schalten Sie JavaScript für diese Seite ein, in einem Browser, der Passkeys kennt.

problem-heading = Es gibt ein Problem
problem-credentials = Benutzername oder Passwort stimmt nicht. Prüfen Sie beides und versuchen Sie es noch einmal.
problem-password = Das Passwort stimmt nicht. Prüfen Sie es und versuchen Sie es noch einmal.
problem-username-missing = Geben Sie Ihren Benutzernamen ein.
problem-password-missing = Geben Sie Ihr Passwort ein.
problem-throttled = Zu viele Versuche. { $minutes ->
    [one] Warten Sie 1 Minute
   *[other] Warten Sie { $minutes } Minuten
 } und versuchen Sie es dann noch einmal.
problem-passkey = Dieser Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder wählen Sie einen anderen Weg.
problem-busy = Gerade melden sich zu viele Personen an. Warten Sie einen Moment und versuchen Sie es dann noch einmal.

## A second factor

second-factor-passkey-heading = Mit Ihrem Passkey bestätigen
second-factor-heading = Code eingeben
second-factor-account = Sie melden sich an als <strong><bdi>{ $account }</bdi></strong>
second-factor-code = Code aus Ihrer Authenticator-App
second-factor-use-recovery-code = Wiederherstellungscode verwenden
second-factor-recovery-code = Wiederherstellungscode
second-factor-recovery-submit = Diesen Wiederherstellungscode verwenden
problem-code = Dieser Code stimmt nicht oder wurde schon verwendet. Warten Sie auf den nächsten und versuchen Sie es noch einmal.
problem-code-missing = Geben Sie die 6 Ziffern ein, die Ihre Authenticator-App anzeigt.
problem-recovery-code = Dieser Wiederherstellungscode stimmt nicht oder wurde schon verwendet.
problem-recovery-code-missing = Geben Sie einen Ihrer Wiederherstellungscodes ein: 16 Buchstaben und Ziffern.

enrol-heading = Authenticator-App einrichten
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> braucht mehr als ein Passwort. Scannen Sie dies mit einer Authenticator-App und geben Sie den Code ein, den sie anzeigt.
enrol-choice-heading = Weiteren Nachweis hinzufügen
enrol-choice-explanation = <strong><bdi>{ $account }</bdi></strong> braucht hier mehr als ein Passwort. Fügen Sie etwas hinzu, womit Sie sich zusätzlich ausweisen.
enrol-scan = Scannen Sie dies mit einer Authenticator-App und geben Sie den Code ein, den sie anzeigt.
enrol-qr = QR-Code für Ihre Authenticator-App
enrol-type = Wenn Sie ihn nicht scannen können, tippen Sie diesen Schlüssel in die App:
enrol-code = Code, den die App anzeigt
problem-enrolment-over = Diese Seite war zu lange offen. Scannen Sie den neuen QR-Code und geben Sie den Code ein, den die App anzeigt.

offer-heading = Schützen Sie Ihr Konto besser
offer-explanation = <strong><bdi>{ $account }</bdi></strong> ist nur durch ein Passwort geschützt. Wer es erfährt, kann sich anmelden. Ein Code von Ihrem Telefon hält ihn draußen.
offer-not-now = Nicht jetzt

recovery-codes-heading = Wiederherstellungscodes aufbewahren
recovery-codes-explanation = Mit jedem davon melden Sie sich einmal an, anstelle Ihrer Authenticator-App. Sie sehen sie nur dieses eine Mal.
recovery-codes-advice = Drucken Sie sie aus oder schreiben Sie sie auf, und bewahren Sie sie dort auf, wo nur Sie sie finden.
recovery-codes-saved = Ich habe sie gespeichert

## A password, by a link

recover-link = Passwort vergessen?
recover-heading = Zurück in Ihr Konto
recover-explanation = Geben Sie den Namen ein, mit dem Sie sich anmelden, oder Ihre E-Mail-Adresse. Wir senden einen Link, mit dem Sie neu wählen, wie Sie sich anmelden.
recover-account = Benutzername oder E-Mail-Adresse
recover-submit = Link senden
problem-recover-missing = Geben Sie Ihren Benutzernamen oder Ihre E-Mail-Adresse ein.
recovery-asked-heading = Sehen Sie in Ihre E-Mails
recovery-asked-explanation = Wenn es ein Konto mit diesem Namen oder dieser Adresse gibt und wir eine E-Mail-Adresse kennen, die seinem Inhaber gehört, ist ein Link dorthin unterwegs. Er funktioniert einmal, 30 Minuten lang.
recovery-asked-advice = Nichts angekommen? Sehen Sie im Spam nach, prüfen Sie, was Sie eingegeben haben, und fragen Sie den Betreiber dieses Dienstes, wenn nichts kommt.

first-sign-in-heading = Wählen Sie, wie Sie sich anmelden
first-password-heading = Passwort wählen
new-password-heading = Neues Passwort wählen
new-password-ends = Damit werden Sie überall sonst abgemeldet, und Apps verlieren ihren Zugriff, bis Sie ihn wieder erlauben.
new-password-label = Neues Passwort
new-password-again = Neues Passwort, noch einmal
new-password-advice = Mindestens { $minimum } Zeichen. Ein paar Wörter hintereinander lassen sich leicht merken.
new-password-end-others = Überall sonst abmelden und beenden, was Apps gewährt wurde. Sie fragen dann neu.
new-password-submit = Passwort festlegen
problem-new-password-missing = Geben Sie ein neues Passwort ein.
problem-new-password-differs = Die beiden Passwörter sind nicht gleich. Geben Sie das neue Passwort zweimal ein.
problem-new-password-short = Dieses Passwort ist zu kurz. Es braucht mindestens { $minimum } Zeichen.
problem-new-password-long = Dieses Passwort ist zu lang. Wählen Sie ein kürzeres.
problem-new-password-character = Dieses Passwort enthält ein Zeichen, das sich beim Anmelden nicht eingeben lässt. Wählen Sie eines ohne dieses Zeichen.
problem-new-password-common = Dieses Passwort ist eines von denen, die zuerst probiert werden. Wählen Sie ein anderes, zum Beispiel ein paar Wörter hintereinander.
problem-new-password-name = Dieses Passwort ist ein Name oder eine Adresse von Ihnen oder von diesem Dienst. Wählen Sie eines, das über beide nichts verrät.

## Choosing an account

not-admitted-heading = Sie können diese App nicht verwenden
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> ist hier angemeldet, und dieses Konto darf <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> nicht verwenden.
not-admitted-ask = Um Zugang zu bekommen, fragen Sie:
not-admitted-ask-owner = Um Zugang zu bekommen, fragen Sie, wer <bdi>{ $client }</bdi> betreibt.
select-account-heading = Konto auswählen
select-account-continue = Weiter als <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = Zugriff für { $client } erlauben?
consent-heading = Darf <bdi>{ $client }</bdi> auf Ihr Konto zugreifen?
consent-account = Sie sind <strong><bdi>{ $account }</bdi></strong>
consent-resource = Verwendet wird <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> bittet um Folgendes
consent-asks-more = <bdi>{ $client }</bdi> bittet jetzt auch um Folgendes
consent-asks-nothing = <bdi>{ $client }</bdi> bittet um keine bestimmte Berechtigung.
consent-identity = Wer Sie sind
consent-read = Lesen
consent-change = Ändern
consent-while-away = Während Sie weg sind
consent-other = Sonstiges
consent-new = Neu
consent-unknown = Berechtigung <code><bdi>{ $scope }</bdi></code>, ohne Beschreibung
consent-unknown-warning = Niemand hat beschrieben, was damit erlaubt wird. Lassen Sie es nur zu, wenn Sie wissen, wozu es dient.
consent-already-allowed = Das haben Sie schon erlaubt
consent-return = Die App bringt Sie zurück zu <strong><bdi>{ $host }</bdi></strong>
consent-loopback = Das ist eine App auf diesem Computer. Lassen Sie den Zugriff nur zu, wenn Sie sie gerade selbst gestartet haben.
consent-client-pages = Mehr von <bdi>{ $client }</bdi>:
consent-allow = Zulassen
consent-deny = Nicht zulassen

scope-openid = Erkennen, dass Sie es sind
scope-profile = Ihren Namen, Ihr Bild und den Rest Ihres Profils sehen
scope-email = Ihre E-Mail-Adresse sehen
scope-phone = Ihre Telefonnummer sehen
scope-address = Ihre Postanschrift sehen
scope-groups = Sehen, in welchen Gruppen Sie sind
scope-offline-access = Zugriff behalten, auch wenn Sie die App nicht benutzen, bis Sie ihn entfernen
scope-admin-read = Alles auf diesem Server sehen: Benutzer, Apps, Sitzungen, Schlüssel und Ereignisse
scope-admin-write = Alles auf diesem Server ändern: Benutzer, Apps, Sitzungen und Schlüssel
scope-scim = Benutzer und Gruppen anlegen, ändern und entfernen

## On the way back to the app

form-post-title = Zurück zu { $client }
form-post-heading = Zurück zu <bdi>{ $client }</bdi>
form-post-explanation = Falls nichts passiert, wählen Sie „Weiter“, um zu <strong><bdi>{ $host }</bdi></strong> zu gelangen.

## A redirect too long for a header

go-on-heading = Einen Moment
go-on-explanation = Falls nichts passiert, wählen Sie „Weiter“.

## A form answered before

answered-heading = Das haben Sie schon beantwortet
answered-explanation = Diese Frage wurde schon beantwortet, vielleicht in einem anderen Tab. Hier ist nichts mehr zu tun.
answered-return-where = Gehen Sie zurück zu <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>, um fortzufahren.

## Signing out

sign-out-heading = Abmelden?
sign-out-explanation = Das beendet Ihre Sitzung bei { $product } in diesem Browser. Apps, die Sie geöffnet haben, lassen Sie womöglich angemeldet, bis Sie sich auch dort abmelden.
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> möchte Sie in diesem Browser von { $product } abmelden. Andere Apps, die Sie geöffnet haben, lassen Sie womöglich angemeldet, bis Sie sich auch dort abmelden.
sign-out-told = Diese Apps erfahren davon und melden Sie ebenfalls ab
sign-out-return = Danach geht es zurück zu <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = Die Anfrage der App ließ sich nicht überprüfen, deshalb werden Sie nicht zu ihr zurückgebracht.
sign-out-submit = Abmelden
sign-out-cancel = Angemeldet bleiben
signed-out-heading = Sie sind abgemeldet
signed-out-explanation = Ihre Sitzung bei { $product } in diesem Browser ist beendet.
signed-out-told = Sie sind auch abgemeldet bei
signed-out-not-told = Sie sind womöglich noch angemeldet bei
signed-out-apps-in-general = In Apps, die Sie geöffnet haben, sind Sie womöglich noch angemeldet. Melden Sie sich an einem gemeinsam genutzten Computer auch dort ab und schließen Sie den Browser.
signed-out-not-told-advice = Diese Apps waren nicht zu erreichen. Melden Sie sich an einem gemeinsam genutzten Computer auch dort ab und schließen Sie den Browser.

## The front door

home-explanation = Hier fragen Ihre Apps, wer Sie sind. Öffnen Sie zum Anmelden die App, die Sie benutzen möchten: Sie bringt Sie hierher.
home-signed-in = Sie sind angemeldet als <strong><bdi>{ $account }</bdi></strong>
home-signed-out = In diesem Browser ist niemand angemeldet.
home-unclear = Dieser Browser hat ein Anmelde-Cookie gesendet, das nicht verwendet werden kann. Deshalb lässt sich nicht sagen, ob Sie angemeldet sind. Löschen Sie in den Einstellungen Ihres Browsers die Cookies dieser Website, um sicherzugehen.

## Refusals and faults

refusal-sign-in-link = Dieser Anmeldelink funktioniert nicht
refusal-expired = Diese Seite ist abgelaufen
refusal-browser = Diese Seite gehört zu einer anderen Anmeldung
refusal-sign-out = Niemand wurde abgemeldet
refusal-link = Dieser Link funktioniert nicht
refusal-forbidden = Das geht von hier aus nicht
refusal-not-found = Seite nicht gefunden
refusal-method = Diese Seite lässt sich so nicht öffnen
refusal-too-large = Das war zu viel auf einmal
refusal-too-many = Zu viele Versuche
refusal-unavailable = Versuchen Sie es gleich noch einmal
refusal-code = Code
refusal-for-developers = Für Entwickler
refusal-detail = Was nicht stimmt
refusal-received = Was bei uns ankam
refusal-received-empty = leer
refusal-received-more = { $count ->
    [one] und 1 weiterer Parameter
   *[other] und { $count } weitere Parameter
 }
refusal-docs = Was dieser Code bedeutet
refusal-recover = Neuen Link anfordern
refusal-front-page = Startseite von <bdi>{ $product }</bdi>
error-entry-error = Fehlercode
error-entry-spec = Spezifikation
error-entry-why = Warum das geschieht
error-entry-remedy = Was die Betreiber der App oder dieses Servers tun können
fault-heading = Hier gibt es leider ein Problem
fault-explanation = Das Problem liegt bei uns, nicht bei Ihnen. Versuchen Sie es in ein paar Minuten noch einmal. Wenn es wieder passiert, schicken Sie diese Referenz an den Betreiber des Dienstes.

## What each refusal says

reason-request-malformed = Die Anfrage ließ sich nicht lesen.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-request-too-large = Die Anfrage ist größer, als dieser Server annimmt.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-parameter-repeated = Die Anfrage nennt etwas doppelt.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-method-not-allowed = Diese Adresse lässt sich so nicht aufrufen.
reason-form-reopened = Diese Seite gehörte zu einer An- oder Abmeldung und lässt sich nicht über ihre Adresse wieder öffnen.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-content-type-unsupported = Das Formular kam in einer Form an, die dieser Server nicht liest.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-credentials-in-query = Das Formular kam in einer Form an, die dieser Server nicht liest.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-not-found = Unter dieser Adresse gibt es nichts.
reason-host-malformed = Die Anfrage sagt nicht, an wen sie geht.
reason-host-unexpected = Dieser Server heißt anders, als die Adresse sagt.
    .advice = Seine Adresse ist { $issuer }
reason-speculative-request = Ein Browser hat diese Adresse abgerufen, bevor jemand sie geöffnet hat.
    .advice = Öffnen Sie sie, dann kommt die Antwort.
reason-client-id-missing = Die App hat nicht gesagt, wer sie ist (client_id).
    .advice = Gehen Sie zurück zur App und versuchen Sie es noch einmal.
reason-client-unknown = Die App ist hier nicht registriert.
    .advice = Gehen Sie zurück zur App und versuchen Sie es noch einmal. Wenn es wieder passiert, sagen Sie es dem Anbieter der App.
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = Die App hat nicht gesagt, wohin es zurückgehen soll (redirect_uri).
    .advice = Gehen Sie zurück zur App und versuchen Sie es noch einmal.
reason-redirect-uri-not-registered = Die App wollte zu einer Adresse zurück, die nicht für sie registriert ist.
    .advice = Gehen Sie zurück zur App und versuchen Sie es noch einmal. Wenn es wieder passiert, sagen Sie es dem Anbieter der App.
reason-pushed-request-not-recognised = Dieser Server kennt von dieser App keine solche Anfrage.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pushed-request-expired = Die Anfrage der App ist zu alt.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pushed-request-used = Die Anfrage der App wurde schon beantwortet.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-not-recognised = Dieser Server kennt diese Seite nicht, oder sie ist zu alt.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-expired = Diese Anmeldung wurde vor zu langer Zeit begonnen.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-without-cookie = Dieser Browser hat das Cookie nicht gesendet, mit dem die Anmeldung begann: Sie wurde anderswo begonnen, der Browser wurde geschlossen, oder er behält keine Cookies.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-from-another-browser = Diese Anmeldung wurde in einem anderen Browser begonnen, oder bevor die Cookies dieses Browsers gelöscht wurden.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-from-another-session = Seit diese Seite angezeigt wurde, gab es in diesem Browser eine andere Anmeldung.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-signed-out = Sie sind hier nicht mehr angemeldet.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-pending-request-not-due = Die Anmeldung ist bei einem anderen Schritt als diese Seite.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-cross-site-form = Das Formular wurde von einer anderen Website gesendet.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-form-origin-unknown = Der Browser hat nicht gesagt, woher das Formular kam.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn, in einem anderen Browser, falls dieser das für sich behält.
reason-sign-out-form-stale = Diese Seite gehört zu einer anderen Anmeldung als der jetzigen.
    .advice = Öffnen Sie die Seite zum Abmelden noch einmal.
reason-decision-missing = Das Formular sagte weder „Zulassen“ noch „Nicht zulassen“.
    .advice = Gehen Sie zurück zur App und beginnen Sie von vorn.
reason-session-cookie-unusable = Dieser Browser hat ein Anmelde-Cookie gesendet, das nicht verwendet werden kann. Deshalb wurde niemand abgemeldet.
    .advice = Löschen Sie in den Einstellungen des Browsers die Cookies dieser Website, um sicherzugehen.
reason-link-not-recognised = Dieser Server hat keinen solchen Link gemacht, oder er kam nicht ganz an.
    .advice = Öffnen Sie ihn noch einmal dort, wo Sie ihn bekommen haben, oder bitten Sie dort um einen neuen.
reason-link-expired = Dieser Link ist zu alt.
    .advice = Bitten Sie dort um einen neuen, wo Sie ihn bekommen haben.
reason-link-used = Dieser Link gilt nicht mehr: Er wurde benutzt, oder das Konto hat sich seitdem geändert.
    .advice = Melden Sie sich an wie sonst; wenn das nicht geht, bitten Sie dort um einen neuen Link, wo Sie diesen bekommen haben.
reason-link-of-another-user = Dieser Link ist für ein anderes Konto als das, das hier angemeldet ist.
    .advice = Melden Sie sich ab, und öffnen Sie ihn noch einmal.
reason-address-taken = Diese Adresse gehört inzwischen zu einem Konto.
    .advice = Melden Sie sich damit an; wenn Sie sein Passwort vergessen haben, wählen Sie von der Anmeldeseite aus ein neues.
reason-registration-closed = Hier kann niemand selbst ein Konto erstellen.
    .advice = Bitten Sie den Betreiber dieses Dienstes um eines.
reason-overloaded = Der Server hat mehr zu tun, als er kann.
    .advice = Versuchen Sie es gleich noch einmal.
reason-store-unavailable = Die Datenbank des Servers antwortet nicht oder nimmt nichts an.
    .advice = Versuchen Sie es gleich noch einmal.
reason-store-rewound = Die Datenbank des Servers zeigt eine frühere Zeit als zuvor, deshalb lässt sich danach nichts beurteilen.
    .advice = Versuchen Sie es später noch einmal.
reason-master-key-missing = Diesem Server fehlt ein Schlüssel, den seine Datenbank braucht.
    .advice = Versuchen Sie es gleich noch einmal.
reason-clock-not-believed = Die Uhr des Servers geht falsch, deshalb kann er nichts beurteilen.
    .advice = Versuchen Sie es gleich noch einmal.

## Mails

mail-invite-subject = Richten Sie Ihr Konto bei { $product } ein
mail-invite = Für Sie wurde ein Konto bei <bdi>{ $product }</bdi> angelegt. Wählen Sie, wie Sie sich anmelden möchten.
mail-invite-action = Konto einrichten
mail-verify-subject = Bestätigen Sie Ihre Adresse für { $product }
mail-verify = Jemand hat diese Adresse bei <bdi>{ $product }</bdi> angegeben. Wenn Sie das waren, bestätigen Sie, dass sie Ihnen gehört. Wenn nicht, müssen Sie nichts tun: Ohne Sie geschieht nichts.
mail-verify-action = Adresse bestätigen
mail-recover-subject = Zurück in Ihr Konto bei { $product }
mail-recover = Jemand, wahrscheinlich Sie, möchte wieder in Ihr Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi>. Wenn Sie das nicht waren, müssen Sie nichts tun: Es hat sich nichts geändert.
mail-recover-action = Zurück ins Konto
mail-sign-up-subject = Erstellen Sie Ihr Konto bei { $product }
mail-sign-up = Jemand hat diese Adresse angegeben, um ein Konto bei <bdi>{ $product }</bdi> zu erstellen. Wenn Sie das waren, geht es hier weiter. Wenn nicht, müssen Sie nichts tun: Ohne Sie wird kein Konto erstellt.
mail-sign-up-action = Konto erstellen
mail-sign-up-invite-subject = Sie sind zu { $product } eingeladen
mail-sign-up-invite = Sie sind eingeladen, ein Konto bei <bdi>{ $product }</bdi> zu erstellen. Den Benutzernamen, und wie Sie sich anmelden, wählen Sie selbst.
mail-account-exists-subject = Sie haben bereits ein Konto bei { $product }
mail-account-exists = Jemand, wahrscheinlich Sie, wollte mit dieser Adresse ein Konto bei <bdi>{ $product }</bdi> erstellen. Sie gehört zu Ihrem Konto <bdi>{ $account }</bdi>. Melden Sie sich damit an; wenn Sie das Passwort vergessen haben, können Sie dort ein neues wählen.
mail-address-changed-subject = Ihre Adresse bei { $product } wurde geändert
mail-address-changed = Ihr Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> hat seit dem { $when } eine andere Adresse. Dies ist die letzte Nachricht an diese hier.
mail-password-changed-subject = Ihr Passwort bei { $product } wurde geändert
mail-password-changed = Das Passwort Ihres Kontos <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurde geändert ({ $when }).
mail-otp-added-subject = Eine Authenticator-App wurde bei { $product } hinzugefügt
mail-otp-added = Ihrem Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurde eine Authenticator-App hinzugefügt ({ $when }).
mail-otp-removed-subject = Die Authenticator-App wurde bei { $product } entfernt
mail-otp-removed = Die Authenticator-App Ihres Kontos <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurde entfernt, mit ihren Wiederherstellungscodes ({ $when }).
mail-passkey-added-subject = Ein Passkey wurde bei { $product } hinzugefügt
mail-passkey-added = Ihrem Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurde ein Passkey hinzugefügt ({ $when }).
mail-passkey-removed-subject = Ein Passkey wurde bei { $product } entfernt
mail-passkey-removed = Ein Passkey Ihres Kontos <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurde entfernt ({ $when }).
mail-recovery-codes-made-subject = Neue Wiederherstellungscodes bei { $product }
mail-recovery-codes-made = Für Ihr Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurden neue Wiederherstellungscodes erstellt ({ $when }). Die alten gelten nicht mehr.
mail-recovery-code-used-subject = Ein Wiederherstellungscode wurde bei { $product } benutzt
mail-recovery-code-used = Mit einem Wiederherstellungscode Ihres Kontos <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> hat sich jemand angemeldet ({ $when }).
mail-second-factor-guessed-subject = Falsche Codes bei { $product }
mail-second-factor-guessed = Für Ihr Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> wurden zu viele falsche Codes eingegeben ({ $when }). Fünf Minuten lang wird keiner mehr geprüft.
mail-guessed-advice = Wer sie eingegeben hat, kennt Ihr Passwort. Wenn Sie das nicht waren, ändern Sie es.
mail-new-device-subject = Eine neue Anmeldung bei { $product }
mail-new-device = Jemand hat sich bei Ihrem Konto <bdi>{ $account }</bdi> bei <bdi>{ $product }</bdi> in einem Browser angemeldet, den Sie dort zuletzt nicht benutzt haben ({ $when }).
mail-not-you = Wenn Sie das nicht waren, benutzt vielleicht jemand anderes Ihr Konto: Ändern Sie Ihr Passwort, und sehen Sie Ihre Anmeldemethoden und Geräte durch.
mail-account-action = Konto öffnen
mail-link = Wenn die Schaltfläche nicht funktioniert, kopieren Sie diese Adresse in Ihren Browser:
mail-link-minutes = Der Link gilt { $minutes ->
    [one] 1 Minute
   *[other] { $minutes } Minuten
 } lang und einmal.
mail-link-hours = Der Link gilt { $hours ->
    [one] 1 Stunde
   *[other] { $hours } Stunden
 } lang und einmal.
mail-footer = <bdi>{ $product }</bdi> hat diese Nachricht automatisch gesendet. Antworten darauf liest niemand.
mail-test-subject = Ein Test von { $product }
mail-test = Diese Nachricht zeigt, dass <bdi>{ $product }</bdi> Ihnen E-Mails senden kann.
mail-test-action = <bdi>{ $product }</bdi> öffnen

## The account page

account-title = Ihr Konto
account-overview = Übersicht
account-security = Wie Sie sich anmelden
account-security-short = Anmeldung
account-activity = Letzte Aktivitäten
account-activity-short = Aktivitäten
account-apps-short = Apps
account-sessions-short = Sitzungen
account-again = Sie sind es. Noch hat sich nichts geändert: Wählen Sie noch einmal, was Sie wollten.
account-apps = Apps mit Zugriff
account-apps-explanation = Was Sie entfernen, endet an diesem Server sofort. Eine API, die diesen Server nicht fragt, nimmt das letzte Token einer App noch bis zu { $minutes } { $minutes ->
    [one] Minute
   *[other] Minuten
 } lang an.
account-no-apps = Keine App hat Zugriff auf Ihr Konto.
account-since = Seit { $date }
account-last-used = Zuletzt benutzt: { $date }
account-remove-access = Zugriff entfernen
account-sessions = Wo Sie angemeldet sind
account-this-session = Dieser Browser
account-other-session = Ein anderer Browser
session-device = <bdi>{ $browser }</bdi> auf <bdi>{ $system }</bdi>
account-signed-in-with = Angemeldet mit
account-end-session = Dort abmelden
account-end-others = Überall sonst abmelden
account-password-changed = Festgelegt am { $date }
account-no-password = Ihr Konto hat kein Passwort.
account-change-password = Passwort ändern
account-no-authenticator = Ein Code von Ihrem Telefon hält jeden draußen, der Ihr Passwort erfährt.
account-authenticator-off = Authenticator-Apps sind hier ausgeschaltet.
account-authenticator-demanded = Von Ihnen wird ein zweiter Faktor verlangt, deshalb lässt sie sich nicht entfernen.
account-remove-authenticator = Authenticator-App entfernen
account-recovery-codes = Wiederherstellungscodes
account-recovery-codes-left = { $count ->
    [one] Es ist noch 1 Wiederherstellungscode übrig.
   *[other] Es sind noch { $count } Wiederherstellungscodes übrig.
 }
account-new-recovery-codes = Neue Wiederherstellungscodes erstellen
account-new-recovery-codes-note = Die Codes, die Sie jetzt haben, gelten dann nicht mehr.
account-no-activity = Noch ist nichts geschehen.
account-earlier = Früher
event-user-added = Konto angelegt
event-user-locked = Konto gesperrt
event-user-unlocked = Konto entsperrt
event-claims-updated = Angaben zu Ihrem Konto geändert
event-password-set = Passwort festgelegt
event-second-factor-added = Authenticator-App hinzugefügt
event-second-factor-removed = Authenticator-App entfernt
event-recovery-codes-made = Neue Wiederherstellungscodes erstellt
event-recovery-code-used = Wiederherstellungscode verwendet, { $left ->
    [one] 1 ist übrig
   *[other] { $left } sind übrig
 }
event-second-factor-guessed = Jemand, der Ihr Passwort kennt, hat Codes geraten
event-session-started = Angemeldet
event-session-ended = In einem Browser abgemeldet
event-sessions-ended = Überall abgemeldet
event-other-sessions-ended = Überall sonst abgemeldet
event-consent-given = <bdi>{ $client }</bdi> hat Zugriff erhalten
event-access-removed = Zugriff von <bdi>{ $client }</bdi> entfernt
account-name = Name
account-name-hint = Wie Apps Sie nennen, wenn Sie ihnen Ihr Profil zeigen.
account-name-submit = Namen speichern
problem-name = Geben Sie einen Namen mit höchstens 128 Zeichen in einer Zeile ein.
account-facts = Außerdem über Sie bekannt
account-facts-explanation = Apps sehen das, wenn Sie es ihnen erlauben.
account-email = E-Mail-Adresse
account-phone = Telefonnummer
claim-given-name = Vorname
claim-middle-name = Zweiter Vorname
claim-family-name = Nachname
claim-nickname = Spitzname
claim-address = Postanschrift
claim-groups = Gruppen
claim-birthdate = Geburtsdatum
claim-gender = Geschlecht
claim-picture = Bild
claim-profile = Profilseite
claim-website = Website
claim-locale = Sprache
claim-zoneinfo = Zeitzone
account-app-sees = Sieht zurzeit:
account-delete = Ihr Konto löschen
account-delete-explanation = Alles endet sofort: Ihre Sitzungen, was Apps gewährt wurde und wie Sie sich anmelden. Es kommt nicht zurück.
account-delete-confirm = Geben Sie zur Bestätigung <strong><bdi>{ $account }</bdi></strong> ein
problem-confirmation = Das ist nicht der Name dieses Kontos.
account-deleted-heading = Ihr Konto ist gelöscht
account-deleted-explanation = Sie sind überall abgemeldet, und Apps erfahren davon. Was diese über Sie gespeichert haben, behalten sie: Fragen Sie dort.
home-account = Ihr Konto, Apps und Sitzungen

## When, and by what

moment-now = in der letzten Stunde
moment-hours = { $hours ->
    [one] vor 1 Stunde
   *[other] vor { $hours } Stunden
 }
factor-password = Passwort
factor-otp = Authenticator-App
factor-recovery-code = Wiederherstellungscode
factor-passkey = Passkey

## Passkeys

account-passkeys = Passkeys
account-passkeys-explanation = Mit einem Passkey melden Sie sich ohne Passwort an: mit Ihrem Fingerabdruck, Ihrem Gesicht oder der PIN Ihres Geräts.
account-no-passkeys = Sie haben noch keinen Passkey.
account-add-passkey = Passkey hinzufügen
account-passkey-added = Hinzugefügt: { $date }
account-passkey-unused = Noch nicht verwendet
account-passkey-synced = Auf Ihren Geräten
account-passkey-one-device = Auf einem Gerät oder Sicherheitsschlüssel
account-passkey-rename = Namen ändern
account-passkey-name = Name
account-passkey-save-name = Namen speichern
account-passkey-remove = Entfernen
account-passkey-last = Dieser Passkey ist Ihr einziger Weg, sich anzumelden. Fügen Sie einen weiteren hinzu, bevor Sie ihn entfernen.
account-passkey-demanded = Von Ihnen wird ein zweiter Faktor verlangt, und dieser Passkey ist der einzige. Fügen Sie einen weiteren oder eine Authenticator-App hinzu, bevor Sie ihn entfernen.
new-passkey-explanation = Ihr Browser fragt, wo er aufbewahrt werden soll: auf diesem Gerät, in Ihrem Passwortmanager oder auf einem Sicherheitsschlüssel.
new-passkey-submit = Passkey erstellen
new-passkey-cancelled = Es wurde kein Passkey erstellt. Versuchen Sie es noch einmal, wenn Sie so weit sind.
new-passkey-there = An diesem Ort gibt es schon einen Passkey für Ihr Konto.
new-passkey-failed = Dieser Browser kann hier keinen Passkey erstellen. Versuchen Sie es mit einem anderen Browser oder Gerät.
problem-new-passkey = Dieser Passkey konnte nicht hinzugefügt werden. Versuchen Sie es noch einmal.
problem-new-passkey-over = Diese Seite war zu lange offen. Versuchen Sie es noch einmal.
problem-new-passkey-not-verified = Richten Sie zuerst eine PIN für diesen Schlüssel ein, oder verwenden Sie ein Gerät, das Sie mit Fingerabdruck, Gesicht oder PIN entsperren.
problem-new-passkey-not-discoverable = Dieser Sicherheitsschlüssel hat keinen Platz für einen Passkey oder kann keinen aufbewahren. Verwenden Sie einen anderen.
problem-new-passkey-known = Dieser Passkey gehört schon zu einem Konto.
problem-new-passkey-too-many = Sie haben so viele Passkeys, wie es geben kann. Entfernen Sie zuerst einen.
passkey-name = Passkey
passkey-security-key = Sicherheitsschlüssel
account-your-passkeys = Ihre Passkeys
event-passkey-added = Ein Passkey wurde hinzugefügt
event-passkey-renamed = Ein Passkey bekam einen anderen Namen
event-passkey-removed = Ein Passkey wurde entfernt
event-passkey-count-behind = Ein Passkey, der kopiert worden sein könnte, wurde verwendet
offer-passkey-explanation = Melden Sie sich das nächste Mal ohne Passwort als <strong><bdi>{ $account }</bdi></strong> an: mit Ihrem Fingerabdruck, Ihrem Gesicht oder der PIN dieses Geräts. Das kann niemand erraten oder Ihnen entlocken.


## The mail address of the account

phone-change = Telefonnummer ändern
phone-explanation = Apps, die sie sehen dürfen, erfahren, dass niemand sie geprüft hat. Lassen Sie das Feld leer, wenn hier keine stehen soll.
phone-hint = Mit Landesvorwahl, zum Beispiel +49 30 23125 000.
phone-submit = Telefonnummer speichern
problem-phone = Geben Sie eine Telefonnummer ein, die mit + und der Landesvorwahl beginnt, zum Beispiel +49 30 23125 000.
account-address = E-Mail-Adresse
address-change = E-Mail-Adresse ändern
address-confirmed = Bestätigt
address-not-confirmed = Noch nicht bestätigt
address-unknown = Es ist keine E-Mail-Adresse bekannt.
address-explanation = Wir senden einen Link an die Adresse, die Sie eingeben. Sie wird Ihre, wenn Sie den Link hier öffnen und bestätigen. Apps, die Ihre Adresse sehen dürfen, sehen von da an die neue.
address-new = Neue E-Mail-Adresse
address-by-operator = Sie lässt sich hier nicht ändern. Fragen Sie den Betreiber dieses Dienstes.
address-sent = Ein Link ist unterwegs an <strong><bdi>{ $address }</bdi></strong>. Öffnen Sie ihn innerhalb einer Stunde in diesem Browser, und bestätigen Sie dort.
problem-address = Geben Sie eine E-Mail-Adresse ein, zum Beispiel ada@example.com.
confirm-address-heading = E-Mail-Adresse bestätigen
confirm-address-explanation = Von nun an ist <strong><bdi>{ $address }</bdi></strong> die E-Mail-Adresse Ihres Kontos <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = Diese Adresse bestätigen

## Konto erstellen

sign-up-heading = Konto erstellen
sign-up-explanation = Geben Sie Ihre E-Mail-Adresse ein. Wir senden Ihnen einen Link, über den Sie einen Benutzernamen wählen, und wie Sie sich anmelden.
sign-up-domains = Nur Adressen bei:
sign-up-sign-in = Ich habe schon ein Konto
problem-sign-up-domain = Mit einer Adresse dieser Domain kann man sich hier nicht registrieren.
sign-up-asked-explanation = Eine Nachricht ist unterwegs an diese Adresse. Ihr Link erstellt innerhalb von 24 Stunden Ihr Konto, oder sie sagt, dass Sie schon eines haben. Öffnen Sie sie in diesem Browser, um dort weiterzumachen, wo Sie waren.
new-account-for = für <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = Damit melden Sie sich an.
new-account-name = Name (freiwillig)
new-account-passkey = Passkey statt Passwort verwenden
new-account-password = Stattdessen ein Passwort wählen
problem-username-unfit = Das kann kein Benutzername sein. Verwenden Sie Buchstaben einer Schrift, Ziffern und Zeichen, höchstens 128.
problem-username-address = Ein Benutzername, der wie eine E-Mail-Adresse aussieht, muss Ihre eigene Adresse sein.
problem-username-taken = Dieser Benutzername ist vergeben. Wählen Sie einen anderen.
