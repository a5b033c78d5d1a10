# Every word of the pages, in French (vous). U+202F stands before ? ! ; and inside « ».

## Every page

skip-to-content = Aller au contenu
title = { $page } – { $product }
title-error = Erreur : { $page } – { $product }
reference = Référence
continue = Continuer
use-another-account = Utiliser un autre compte
return-to = Retourner à <bdi>{ $client }</bdi>
language-label = Langue
language-change = Changer
links = Liens
link-help = Aide
link-privacy = Confidentialité
link-terms = Conditions d’utilisation
password-show = Afficher le mot de passe
password-hide = Masquer le mot de passe

## Sign in

sign-in-heading = Se connecter
sign-in-to-continue = pour continuer vers <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = Confirmez que c’est bien vous
sign-in-again-heading = Confirmez que c’est bien vous, <bdi>{ $account }</bdi>
sign-in-again = Saisissez à nouveau votre mot de passe pour continuer vers <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-or-passkey = Saisissez à nouveau votre mot de passe, ou utilisez une clé d’accès, pour continuer vers <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = Nom d’utilisateur
sign-in-password = Mot de passe
sign-in-submit = Se connecter

passkey-use = Utiliser une clé d’accès
passkey-cancelled = Aucune clé d’accès n’a été utilisée. Réessayez ou choisissez un autre moyen.
passkey-failed = Ce navigateur ne peut pas utiliser de clé d’accès ici. Choisissez un autre moyen.
passkey-needs-script = Pour utiliser votre clé d’accès, activez JavaScript pour cette page, dans un navigateur qui connaît les clés d’accès.

problem-heading = Un problème est survenu
problem-credentials = Le nom d’utilisateur ou le mot de passe est incorrect. Vérifiez les deux et réessayez.
problem-password = Le mot de passe est incorrect. Vérifiez-le et réessayez.
problem-username-missing = Saisissez votre nom d’utilisateur.
problem-password-missing = Saisissez votre mot de passe.
problem-throttled = Trop de tentatives. { $minutes ->
    [one] Attendez { $minutes } minute
    [many] Attendez { $minutes } de minutes
   *[other] Attendez { $minutes } minutes
 }, puis réessayez.
problem-passkey = Cette clé d’accès n’a pas été acceptée. Réessayez ou choisissez un autre moyen.
problem-busy = Trop de personnes se connectent en ce moment. Patientez un instant, puis réessayez.

## A second factor

second-factor-passkey-heading = Confirmer avec votre clé d’accès
second-factor-heading = Saisissez votre code
second-factor-account = Vous vous connectez en tant que <strong><bdi>{ $account }</bdi></strong>
second-factor-code = Code de votre application d’authentification
second-factor-use-recovery-code = Utiliser un code de récupération
second-factor-recovery-code = Code de récupération
second-factor-recovery-submit = Utiliser ce code de récupération
problem-code = Ce code n’est pas correct ou a déjà été utilisé. Attendez le suivant, puis réessayez.
problem-code-missing = Saisissez les 6 chiffres affichés par votre application d’authentification.
problem-recovery-code = Ce code de récupération n’est pas correct ou a déjà été utilisé.
problem-recovery-code-missing = Saisissez l’un de vos codes de récupération : 16 lettres et chiffres.

enrol-heading = Configurer une application d’authentification
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> a besoin de plus qu’un mot de passe. Scannez ce code avec une application d’authentification, puis saisissez le code qu’elle affiche.
enrol-choice-heading = Ajoutez un second moyen de prouver votre identité
enrol-choice-explanation = <strong><bdi>{ $account }</bdi></strong> a besoin ici de plus qu’un mot de passe. Ajoutez un autre moyen de confirmer que c’est vous.
enrol-scan = Scannez ceci avec une application d’authentification et saisissez le code qu’elle affiche.
enrol-qr = Code QR pour votre application d’authentification
enrol-type = Si vous ne pouvez pas le scanner, saisissez cette clé dans l’application :
enrol-code = Code affiché par l’application
problem-enrolment-over = Cette page est restée ouverte trop longtemps. Scannez le nouveau code QR, puis saisissez le code affiché par l’application.

offer-heading = Protégez mieux votre compte
offer-explanation = <strong><bdi>{ $account }</bdi></strong> n’est protégé que par un mot de passe. Quiconque l’apprend peut se connecter. Un code de votre téléphone l’en empêche.
offer-not-now = Pas maintenant

recovery-codes-heading = Enregistrez vos codes de récupération
recovery-codes-explanation = Chacun d’eux vous connecte une fois, à la place de votre application d’authentification. Vous ne les verrez que cette fois.
recovery-codes-advice = Imprimez-les ou notez-les, et gardez-les là où vous seul pouvez les trouver.
recovery-codes-saved = Je les ai enregistrés

## A password, by a link

recover-link = Mot de passe oublié
recover-heading = Retrouver l’accès à votre compte
recover-explanation = Saisissez le nom avec lequel vous vous connectez, ou votre adresse e-mail. Nous envoyons un lien qui permet de choisir à nouveau comment vous vous connectez.
recover-account = Nom d’utilisateur ou adresse e-mail
recover-submit = Envoyer le lien
problem-recover-missing = Saisissez votre nom d’utilisateur ou votre adresse e-mail.
recovery-asked-heading = Consultez vos e-mails
recovery-asked-explanation = S’il existe un compte avec ce nom ou cette adresse, et si nous connaissons une adresse e-mail qui appartient à son titulaire, un lien y est en route. Il fonctionne une fois, pendant 30 minutes.
recovery-asked-advice = Si rien n’arrive, regardez parmi les indésirables, vérifiez votre saisie, puis adressez-vous à la personne qui gère ce service.

first-sign-in-heading = Choisissez comment vous connecter
first-password-heading = Choisissez un mot de passe
new-password-heading = Choisissez un nouveau mot de passe
new-password-ends = Cela vous déconnecte partout ailleurs, et les applications perdent leur accès jusqu’à ce que vous l’autorisiez de nouveau.
new-password-label = Nouveau mot de passe
new-password-again = Nouveau mot de passe, encore une fois
new-password-advice = Au moins { $minimum } caractères. Quelques mots à la suite se retiennent facilement.
new-password-end-others = Fermer toutes les autres sessions et mettre fin à ce qui a été accordé aux applications. Elles redemanderont.
new-password-submit = Définir le mot de passe
problem-new-password-missing = Saisissez un nouveau mot de passe.
problem-new-password-differs = Les deux mots de passe ne sont pas identiques. Saisissez deux fois le nouveau mot de passe.
problem-new-password-short = Ce mot de passe est trop court. Il lui faut au moins { $minimum } caractères.
problem-new-password-long = Ce mot de passe est trop long. Choisissez-en un plus court.
problem-new-password-character = Ce mot de passe contient un caractère qui ne peut pas être saisi à la connexion. Choisissez-en un qui ne le contient pas.
problem-new-password-common = Ce mot de passe est l’un de ceux qui sont essayés en premier. Choisissez-en un autre, par exemple quelques mots à la suite.
problem-new-password-name = Ce mot de passe est un nom ou une adresse, de vous ou de ce service. Choisissez-en un qui ne révèle rien de l’un ni de l’autre.

## Choosing an account

not-admitted-heading = Vous ne pouvez pas utiliser cette application
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> est connecté ici, et ce compte n’est pas autorisé à utiliser <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>.
not-admitted-ask = Pour obtenir l’accès, adressez-vous à :
not-admitted-ask-owner = Pour obtenir l’accès, adressez-vous aux responsables de <bdi>{ $client }</bdi>.
select-account-heading = Choisissez un compte
select-account-continue = Continuer en tant que <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = Autoriser l’accès de { $client } ?
consent-heading = Autoriser <bdi>{ $client }</bdi> à utiliser votre compte ?
consent-account = Vous êtes <strong><bdi>{ $account }</bdi></strong>
consent-resource = L’application utilisera <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> demande à pouvoir
consent-asks-more = <bdi>{ $client }</bdi> demande maintenant à pouvoir aussi
consent-asks-nothing = <bdi>{ $client }</bdi> ne demande aucune autorisation particulière.
consent-identity = Qui vous êtes
consent-read = Lire
consent-change = Modifier
consent-while-away = En votre absence
consent-other = Autre
consent-new = Nouveau
consent-unknown = Autorisation <code><bdi>{ $scope }</bdi></code>, sans description
consent-unknown-warning = Personne n’a décrit ce que cela permet. N’autorisez que si vous savez à quoi cela sert.
consent-already-allowed = Vous avez déjà autorisé
consent-return = L’application vous renverra vers <strong><bdi>{ $host }</bdi></strong>
consent-loopback = C’est une application sur cet ordinateur. N’autorisez que si vous venez de la lancer vous-même.
consent-client-pages = Plus d’informations de <bdi>{ $client }</bdi> :
consent-allow = Autoriser
consent-deny = Ne pas autoriser

scope-openid = Savoir que c’est vous
scope-profile = Voir votre nom, votre photo et le reste de votre profil
scope-email = Voir votre adresse e-mail
scope-phone = Voir votre numéro de téléphone
scope-address = Voir votre adresse postale
scope-groups = Voir à quels groupes vous appartenez
scope-offline-access = Garder l’accès quand vous n’utilisez pas l’application, jusqu’à ce que vous le supprimiez
scope-admin-read = Voir tout ce qui se trouve sur ce serveur : utilisateurs, applications, sessions, clés et événements
scope-admin-write = Modifier tout ce qui se trouve sur ce serveur : utilisateurs, applications, sessions et clés
scope-scim = Créer, modifier et supprimer des utilisateurs et des groupes

## On the way back to the app

form-post-title = Retour à { $client }
form-post-heading = Retour à <bdi>{ $client }</bdi>
form-post-explanation = Si rien ne se passe, choisissez « Continuer » pour aller vers <strong><bdi>{ $host }</bdi></strong>.

## A redirect too long for a header

go-on-heading = Un instant
go-on-explanation = Si rien ne se passe, choisissez « Continuer ».

## A form answered before

answered-heading = Vous avez déjà répondu
answered-explanation = Cette question a déjà reçu une réponse, peut-être dans un autre onglet. Il n’y a plus rien à faire ici.
answered-return-where = Retournez à <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> pour continuer.

## Signing out

sign-out-heading = Se déconnecter ?
sign-out-explanation = Cela met fin à votre session { $product } dans ce navigateur. Les applications que vous avez ouvertes peuvent vous garder connecté jusqu’à ce que vous vous y déconnectiez aussi.
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> demande à vous déconnecter de { $product } dans ce navigateur. Les autres applications que vous avez ouvertes peuvent vous garder connecté jusqu’à ce que vous vous y déconnectiez aussi.
sign-out-told = Ces applications en sont informées et vous déconnectent aussi
sign-out-return = Vous retournerez ensuite à <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = La demande de l’application n’a pas pu être vérifiée : vous ne serez pas renvoyé vers elle.
sign-out-submit = Se déconnecter
sign-out-cancel = Rester connecté
signed-out-heading = Vous êtes déconnecté
signed-out-explanation = Votre session { $product } dans ce navigateur est terminée.
signed-out-told = Vous êtes aussi déconnecté de
signed-out-not-told = Vous êtes peut-être encore connecté à
signed-out-apps-in-general = Vous êtes peut-être encore connecté aux applications que vous avez ouvertes. Sur un ordinateur partagé, déconnectez-vous-y aussi et fermez le navigateur.
signed-out-not-told-advice = Ces applications n’ont pas pu être prévenues. Sur un ordinateur partagé, déconnectez-vous-y aussi et fermez le navigateur.

## The front door

home-explanation = C’est ici que vos applications demandent qui vous êtes. Pour vous connecter, ouvrez l’application que vous voulez utiliser : elle vous amène ici.
home-signed-in = Vous êtes connecté en tant que <strong><bdi>{ $account }</bdi></strong>
home-signed-out = Personne n’est connecté dans ce navigateur.
home-unclear = Ce navigateur a envoyé un cookie de connexion inutilisable : impossible de dire si vous êtes connecté. Pour en être sûr, supprimez les cookies de ce site dans les réglages de votre navigateur.

## Refusals and faults

refusal-sign-in-link = Ce lien de connexion ne fonctionne pas
refusal-expired = Cette page a expiré
refusal-browser = Cette page appartient à une autre connexion
refusal-sign-out = Personne n’a été déconnecté
refusal-link = Ce lien ne fonctionne pas
refusal-forbidden = Vous ne pouvez pas faire cela d’ici
refusal-not-found = Page introuvable
refusal-method = Cette page ne peut pas être ouverte ainsi
refusal-too-large = C’était trop long à lire
refusal-too-many = Trop de tentatives
refusal-unavailable = Réessayez dans un instant
refusal-code = Code
refusal-for-developers = Pour les développeurs
refusal-detail = Ce qui ne va pas
refusal-received = Ce que nous avons reçu
refusal-received-empty = vide
refusal-received-more = { $count ->
    [one] et { $count } autre paramètre
    [many] et { $count } d’autres paramètres
   *[other] et { $count } autres paramètres
 }
refusal-docs = Ce que ce code signifie
refusal-recover = Demander un nouveau lien
refusal-front-page = Page d’accueil de <bdi>{ $product }</bdi>
error-entry-error = Code d’erreur
error-entry-spec = Spécification
error-entry-why = Pourquoi cela se produit
error-entry-remedy = Ce que peuvent faire les responsables de l’application ou de ce serveur
fault-heading = Désolé, un problème est survenu
fault-explanation = Le problème vient de nous, pas de vous. Réessayez dans quelques minutes. S’il persiste, envoyez cette référence à la personne qui gère le service.

## What each refusal says

reason-request-malformed = La demande n’a pas pu être lue.
    .advice = Retournez à l’application et recommencez.
reason-request-too-large = La demande est plus longue que ce que ce serveur accepte.
    .advice = Retournez à l’application et recommencez.
reason-parameter-repeated = La demande dit deux fois la même chose.
    .advice = Retournez à l’application et recommencez.
reason-method-not-allowed = Cette adresse ne peut pas être appelée ainsi.
reason-form-reopened = Cette page faisait partie d’une connexion ou d’une déconnexion et ne peut pas être rouverte par son adresse.
    .advice = Retournez à l’application et recommencez.
reason-content-type-unsupported = Le formulaire est arrivé sous une forme que ce serveur ne lit pas.
    .advice = Retournez à l’application et recommencez.
reason-credentials-in-query = Le formulaire est arrivé sous une forme que ce serveur ne lit pas.
    .advice = Retournez à l’application et recommencez.
reason-not-found = Il n’y a rien à cette adresse.
reason-host-malformed = La demande ne dit pas à qui elle s’adresse.
reason-host-unexpected = Ce serveur ne porte pas le nom qui lui a été demandé.
    .advice = Son adresse est { $issuer }
reason-speculative-request = Un navigateur a demandé cette adresse avant que quelqu’un ne l’ouvre.
    .advice = Ouvrez-la pour obtenir la réponse.
reason-client-id-missing = L’application n’a pas dit qui elle est (client_id).
    .advice = Retournez à l’application et réessayez.
reason-client-unknown = L’application n’est pas enregistrée ici.
    .advice = Retournez à l’application et réessayez. Si le problème persiste, prévenez son responsable.
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = L’application n’a pas dit où revenir (redirect_uri).
    .advice = Retournez à l’application et réessayez.
reason-redirect-uri-not-registered = L’application a demandé à revenir à une adresse qui n’est pas enregistrée pour elle.
    .advice = Retournez à l’application et réessayez. Si le problème persiste, prévenez son responsable.
reason-pushed-request-not-recognised = Ce serveur ne connaît pas cette demande de l’application.
    .advice = Retournez à l’application et recommencez.
reason-pushed-request-expired = La demande de l’application est trop ancienne.
    .advice = Retournez à l’application et recommencez.
reason-pushed-request-used = La demande de l’application a déjà reçu une réponse.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-not-recognised = Ce serveur ne connaît pas cette page, ou elle est trop ancienne.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-expired = Cette connexion a été commencée il y a trop longtemps.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-without-cookie = Ce navigateur n’a pas envoyé le cookie avec lequel la connexion a commencé : elle a été commencée ailleurs, le navigateur a été fermé, ou il ne garde pas de cookies.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-from-another-browser = Cette connexion a été commencée dans un autre navigateur, ou avant que les cookies de celui-ci ne soient supprimés.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-from-another-session = Une autre connexion a eu lieu dans ce navigateur depuis que cette page a été affichée.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-signed-out = Vous n’êtes plus connecté ici.
    .advice = Retournez à l’application et recommencez.
reason-pending-request-not-due = La connexion en est à une autre étape que cette page.
    .advice = Retournez à l’application et recommencez.
reason-cross-site-form = Le formulaire a été envoyé depuis un autre site.
    .advice = Retournez à l’application et recommencez.
reason-form-origin-unknown = Le navigateur n’a pas dit d’où le formulaire a été envoyé.
    .advice = Retournez à l’application et recommencez, dans un autre navigateur si celui-ci ne le dit pas.
reason-sign-out-form-stale = Cette page appartient à une autre connexion que la connexion actuelle.
    .advice = Rouvrez la page de déconnexion.
reason-decision-missing = Le formulaire ne disait ni d’autoriser ni de ne pas autoriser.
    .advice = Retournez à l’application et recommencez.
reason-session-cookie-unusable = Ce navigateur a envoyé un cookie de connexion inutilisable : personne n’a été déconnecté.
    .advice = Pour en être sûr, supprimez les cookies de ce site dans les réglages du navigateur.
reason-link-not-recognised = Ce serveur n’a créé aucun lien de ce genre, ou il n’est pas arrivé entier.
    .advice = Ouvrez-le de nouveau là où vous l’avez reçu, ou demandez-y un nouveau lien.
reason-link-expired = Ce lien est trop ancien.
    .advice = Demandez-en un nouveau là où vous l’avez reçu.
reason-link-used = Ce lien n’est plus valable, car il a été utilisé ou le compte a changé depuis.
    .advice = Connectez-vous comme d’habitude, ou si c’est impossible, demandez un nouveau lien là où vous avez reçu celui-ci.
reason-link-of-another-user = Ce lien est destiné à un autre compte que celui qui est connecté ici.
    .advice = Déconnectez-vous, puis ouvrez-le de nouveau.
reason-address-taken = Cette adresse appartient désormais à un compte.
    .advice = Connectez-vous avec celui-ci ; si vous avez oublié son mot de passe, choisissez-en un nouveau depuis la page de connexion.
reason-registration-closed = Personne ne peut créer de compte ici soi-même.
    .advice = Demandez-en un à la personne qui gère ce service.
reason-overloaded = Le serveur a plus à faire qu’il ne peut.
    .advice = Réessayez dans un instant.
reason-store-unavailable = La base de données du serveur ne répond pas ou n’enregistre rien.
    .advice = Réessayez dans un instant.
reason-store-rewound = La base de données du serveur indique une heure antérieure à celle d’avant : rien ne peut être jugé d’après elle.
    .advice = Réessayez plus tard.
reason-master-key-missing = Il manque à ce serveur une clé dont sa base de données a besoin.
    .advice = Réessayez dans un instant.
reason-clock-not-believed = L’horloge du serveur est fausse : il ne peut rien juger.
    .advice = Réessayez dans un instant.

## Mails

mail-invite-subject = Configurez votre compte sur { $product }
mail-invite = Un compte a été créé pour vous sur <bdi>{ $product }</bdi>. Choisissez comment vous connecter.
mail-invite-action = Configurer le compte
mail-verify-subject = Confirmez votre adresse pour { $product }
mail-verify = Quelqu’un a indiqué cette adresse sur <bdi>{ $product }</bdi>. Si c’était vous, confirmez qu’elle est à vous. Sinon, vous n’avez rien à faire : rien ne se passe sans vous.
mail-verify-action = Confirmer cette adresse
mail-recover-subject = Retrouver l’accès à votre compte sur { $product }
mail-recover = Quelqu’un, sans doute vous, veut retrouver l’accès à votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi>. Si ce n’était pas vous, vous n’avez rien à faire : rien n’a changé.
mail-recover-action = Retrouver l’accès
mail-sign-up-subject = Créez votre compte sur { $product }
mail-sign-up = Quelqu’un a donné cette adresse pour créer un compte sur <bdi>{ $product }</bdi>. Si c’était vous, continuez ici. Sinon, il n’y a rien à faire : aucun compte n’est créé sans vous.
mail-sign-up-action = Créer votre compte
mail-sign-up-invite-subject = Vous êtes invité à rejoindre { $product }
mail-sign-up-invite = Vous êtes invité à créer un compte sur <bdi>{ $product }</bdi>. Vous choisissez vous-même votre nom d’utilisateur et votre façon de vous connecter.
mail-account-exists-subject = Vous avez déjà un compte sur { $product }
mail-account-exists = Quelqu’un, sans doute vous, a voulu créer un compte sur <bdi>{ $product }</bdi> avec cette adresse. Elle appartient à votre compte <bdi>{ $account }</bdi>. Connectez-vous avec celui-ci ; si vous avez oublié le mot de passe, vous pouvez y en choisir un nouveau.
mail-address-changed-subject = Votre adresse sur { $product } a été modifiée
mail-address-changed = Depuis le { $when }, votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> a une autre adresse. Ceci est le dernier message envoyé à celle-ci.
mail-password-changed-subject = Votre mot de passe sur { $product } a été modifié
mail-password-changed = Le mot de passe de votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> a été modifié ({ $when }).
mail-otp-added-subject = Une application d’authentification a été ajoutée sur { $product }
mail-otp-added = Une application d’authentification a été ajoutée à votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> ({ $when }).
mail-otp-removed-subject = L’application d’authentification a été retirée sur { $product }
mail-otp-removed = L’application d’authentification de votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> a été retirée, avec ses codes de récupération ({ $when }).
mail-passkey-added-subject = Une clé d’accès a été ajoutée sur { $product }
mail-passkey-added = Une clé d’accès a été ajoutée à votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> ({ $when }).
mail-passkey-removed-subject = Une clé d’accès a été retirée sur { $product }
mail-passkey-removed = Une clé d’accès de votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> a été retirée ({ $when }).
mail-recovery-codes-made-subject = Nouveaux codes de récupération sur { $product }
mail-recovery-codes-made = De nouveaux codes de récupération ont été créés pour votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> ({ $when }). Les anciens ne sont plus valables.
mail-recovery-code-used-subject = Un code de récupération a été utilisé sur { $product }
mail-recovery-code-used = Un code de récupération de votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> a servi à une connexion ({ $when }).
mail-second-factor-guessed-subject = Codes incorrects sur { $product }
mail-second-factor-guessed = Trop de codes incorrects ont été saisis pour votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> ({ $when }). Pendant cinq minutes, aucun autre n’est vérifié.
mail-guessed-advice = La personne qui les a saisis connaît votre mot de passe. Si ce n’était pas vous, changez-le.
mail-new-device-subject = Nouvelle connexion sur { $product }
mail-new-device = Quelqu’un s’est connecté à votre compte <bdi>{ $account }</bdi> sur <bdi>{ $product }</bdi> dans un navigateur que vous n’y avez pas utilisé récemment ({ $when }).
mail-not-you = Si ce n’était pas vous, quelqu’un d’autre utilise peut-être votre compte : changez votre mot de passe, et passez en revue vos méthodes de connexion et vos appareils.
mail-account-action = Ouvrir votre compte
mail-link = Si le bouton ne fonctionne pas, copiez cette adresse dans votre navigateur :
mail-link-minutes = Le lien est valable { $minutes ->
    [one] { $minutes } minute
    [many] { $minutes } minutes
   *[other] { $minutes } minutes
 }, et une seule fois.
mail-link-hours = Le lien est valable { $hours ->
    [one] { $hours } heure
    [many] { $hours } heures
   *[other] { $hours } heures
 }, et une seule fois.
mail-footer = <bdi>{ $product }</bdi> a envoyé ce message automatiquement. Personne ne lit les réponses.
mail-test-subject = Un test de { $product }
mail-test = Ce message montre que <bdi>{ $product }</bdi> peut vous envoyer des e-mails.
mail-test-action = Ouvrir <bdi>{ $product }</bdi>

## The account page

account-title = Votre compte
account-overview = Aperçu
account-security = Comment vous vous connectez
account-security-short = Connexion
account-activity = Activité récente
account-activity-short = Activité
account-apps-short = Applications
account-sessions-short = Sessions
account-again = C’est bien vous. Rien n’a encore changé : choisissez une nouvelle fois ce que vous vouliez.
account-apps = Applications ayant accès
account-apps-explanation = Ce que vous supprimez prend fin aussitôt sur ce serveur. Une API qui n’interroge pas ce serveur peut encore accepter le dernier jeton d’une application pendant { $minutes ->
    [one] { $minutes } minute
    [many] { $minutes } de minutes
   *[other] { $minutes } minutes
 } au plus.
account-no-apps = Aucune application n’a accès à votre compte.
account-since = Depuis le { $date }
account-last-used = Dernière utilisation : { $date }
account-remove-access = Supprimer l’accès
account-sessions = Où vous êtes connecté
account-this-session = Ce navigateur
account-other-session = Un autre navigateur
session-device = <bdi>{ $browser }</bdi> sur <bdi>{ $system }</bdi>
account-signed-in-with = Connecté avec
account-end-session = Y fermer la session
account-end-others = Fermer toutes les autres sessions
account-password-changed = Défini le { $date }
account-no-password = Votre compte n’a pas de mot de passe.
account-change-password = Changer le mot de passe
account-no-authenticator = Un code de votre téléphone arrête quiconque apprend votre mot de passe.
account-authenticator-off = Les applications d’authentification sont désactivées ici.
account-authenticator-demanded = Un second facteur est exigé de vous : elle ne peut pas être supprimée.
account-remove-authenticator = Supprimer l’application d’authentification
account-recovery-codes = Codes de récupération
account-recovery-codes-left = { $count ->
    [one] Il reste { $count } code de récupération.
    [many] Il reste { $count } de codes de récupération.
   *[other] Il reste { $count } codes de récupération.
 }
account-new-recovery-codes = Créer de nouveaux codes de récupération
account-new-recovery-codes-note = Les codes que vous avez maintenant ne fonctionneront plus.
account-no-activity = Rien ne s’est encore passé.
account-earlier = Plus tôt
event-user-added = Compte créé
event-user-locked = Compte verrouillé
event-user-unlocked = Compte déverrouillé
event-claims-updated = Informations de votre compte modifiées
event-password-set = Mot de passe défini
event-second-factor-added = Application d’authentification ajoutée
event-second-factor-removed = Application d’authentification supprimée
event-recovery-codes-made = Nouveaux codes de récupération créés
event-recovery-code-used = Code de récupération utilisé, il en reste { $left ->
    [one] { $left }
    [many] { $left }
   *[other] { $left }
 }
event-second-factor-guessed = Quelqu’un qui connaît votre mot de passe a essayé de deviner des codes
event-session-started = Connexion
event-session-ended = Déconnexion d’un navigateur
event-sessions-ended = Déconnexion partout
event-other-sessions-ended = Déconnexion partout ailleurs
event-consent-given = Accès donné à <bdi>{ $client }</bdi>
event-access-removed = Accès de <bdi>{ $client }</bdi> supprimé
account-name = Nom
account-name-hint = Comment les applications vous appellent, si vous leur montrez votre profil.
account-name-submit = Enregistrer le nom
problem-name = Saisissez un nom de 128 caractères au plus, sur une seule ligne.
account-facts = Aussi connu à votre sujet
account-facts-explanation = Les applications le voient si vous le permettez.
account-email = Adresse e-mail
account-phone = Numéro de téléphone
claim-given-name = Prénom
claim-middle-name = Deuxième prénom
claim-family-name = Nom de famille
claim-nickname = Surnom
claim-address = Adresse postale
claim-groups = Groupes
claim-birthdate = Date de naissance
claim-gender = Genre
claim-picture = Photo
claim-profile = Page de profil
claim-website = Site web
claim-locale = Langue
claim-zoneinfo = Fuseau horaire
account-app-sees = Voit actuellement :
account-delete = Supprimer votre compte
account-delete-explanation = Tout prend fin aussitôt : vos sessions, ce qui a été accordé aux applications et la façon dont vous vous connectez. Rien ne revient.
account-delete-confirm = Saisissez <strong><bdi>{ $account }</bdi></strong> pour confirmer
problem-confirmation = Ce n’est pas le nom de ce compte.
account-deleted-heading = Votre compte est supprimé
account-deleted-explanation = Vous êtes déconnecté partout, et les applications en sont informées. Ce qu’elles gardent sur vous, elles le gardent : demandez-leur.
home-account = Votre compte, vos applications et vos sessions

## When, and by what

moment-now = il y a moins d’une heure
moment-hours = { $hours ->
    [one] il y a { $hours } heure
    [many] il y a { $hours } d’heures
   *[other] il y a { $hours } heures
 }
factor-password = Mot de passe
factor-otp = Application d’authentification
factor-recovery-code = Code de récupération
factor-passkey = Clé d’accès

## Passkeys

account-passkeys = Clés d’accès
account-passkeys-explanation = Une clé d’accès vous connecte sans mot de passe : avec votre empreinte digitale, votre visage ou le code de votre appareil.
account-no-passkeys = Vous n’avez pas encore de clé d’accès.
account-add-passkey = Ajouter une clé d’accès
account-passkey-added = Ajoutée : { $date }
account-passkey-unused = Pas encore utilisée
account-passkey-synced = Sur vos appareils
account-passkey-one-device = Sur un appareil ou une clé de sécurité
account-passkey-rename = Changer le nom
account-passkey-name = Nom
account-passkey-save-name = Enregistrer le nom
account-passkey-remove = Supprimer
account-passkey-last = Cette clé d’accès est votre seul moyen de vous connecter. Ajoutez-en une autre avant de la supprimer.
account-passkey-demanded = Un second facteur est exigé de vous, et cette clé d’accès est le seul. Ajoutez-en une autre, ou une application d’authentification, avant de la supprimer.
new-passkey-explanation = Votre navigateur demande où la conserver : sur cet appareil, dans votre gestionnaire de mots de passe ou sur une clé de sécurité.
new-passkey-submit = Créer une clé d’accès
new-passkey-cancelled = Aucune clé d’accès n’a été créée. Réessayez quand vous serez prêt.
new-passkey-there = Il y a déjà une clé d’accès pour votre compte à cet endroit.
new-passkey-failed = Ce navigateur ne peut pas créer de clé d’accès ici. Essayez avec un autre navigateur ou appareil.
problem-new-passkey = Cette clé d’accès n’a pas pu être ajoutée. Réessayez.
problem-new-passkey-over = Cette page est restée ouverte trop longtemps. Réessayez.
problem-new-passkey-not-verified = Définissez d’abord un code PIN pour cette clé, ou utilisez un appareil que vous déverrouillez avec votre empreinte, votre visage ou un code.
problem-new-passkey-not-discoverable = Cette clé de sécurité n’a plus de place pour une clé d’accès ou ne peut pas en conserver. Utilisez-en une autre.
problem-new-passkey-known = Cette clé d’accès appartient déjà à un compte.
problem-new-passkey-too-many = Vous avez autant de clés d’accès qu’il peut y en avoir. Supprimez-en d’abord une.
passkey-name = Clé d’accès
passkey-security-key = Clé de sécurité
account-your-passkeys = Vos clés d’accès
event-passkey-added = Une clé d’accès a été ajoutée
event-passkey-renamed = Une clé d’accès a reçu un autre nom
event-passkey-removed = Une clé d’accès a été supprimée
event-passkey-count-behind = Une clé d’accès peut-être copiée a été utilisée
offer-passkey-explanation = La prochaine fois, connectez-vous à <strong><bdi>{ $account }</bdi></strong> sans mot de passe : avec votre empreinte digitale, votre visage ou le code de cet appareil. Personne ne peut le deviner ni vous le soutirer.


## The mail address of the account

phone-change = Changer de numéro de téléphone
phone-explanation = Les applications qui peuvent le voir apprennent que personne ne l’a vérifié. Laissez le champ vide pour n’en avoir aucun ici.
phone-hint = Avec l’indicatif du pays, par exemple +33 1 99 00 12 34.
phone-submit = Enregistrer le numéro
problem-phone = Saisissez un numéro de téléphone qui commence par + et l’indicatif du pays, par exemple +33 1 99 00 12 34.
account-address = Adresse e-mail
address-change = Changer d’adresse e-mail
address-confirmed = Confirmée
address-not-confirmed = Pas encore confirmée
address-unknown = Aucune adresse e-mail n’est connue.
address-explanation = Nous envoyons un lien à l’adresse que vous saisissez. Elle devient la vôtre lorsque vous ouvrez le lien ici et que vous la confirmez. Les applications qui peuvent voir votre adresse voient alors la nouvelle.
address-new = Nouvelle adresse e-mail
address-by-operator = Elle ne peut pas être changée ici. Adressez-vous à la personne qui gère ce service.
address-sent = Un lien est en route vers <strong><bdi>{ $address }</bdi></strong>. Ouvrez-le dans ce navigateur dans l’heure qui vient et confirmez.
problem-address = Saisissez une adresse e-mail, par exemple ada@example.com.
confirm-address-heading = Confirmez votre adresse e-mail
confirm-address-explanation = Désormais, <strong><bdi>{ $address }</bdi></strong> est l’adresse e-mail de votre compte <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = Confirmer cette adresse

## Créer un compte

sign-up-heading = Créer un compte
sign-up-explanation = Saisissez votre adresse e-mail. Nous vous envoyons un lien avec lequel vous choisissez un nom d’utilisateur et votre façon de vous connecter.
sign-up-domains = Uniquement les adresses de :
sign-up-sign-in = J’ai déjà un compte
problem-sign-up-domain = Une adresse de ce domaine ne permet pas de créer un compte ici.
sign-up-asked-explanation = Un message est en route vers cette adresse. Son lien crée votre compte, dans les 24 heures, ou bien il dit que vous en avez déjà un. Ouvrez-le dans ce navigateur pour continuer là où vous étiez.
new-account-for = pour <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = Ce avec quoi vous vous connectez.
new-account-name = Nom (facultatif)
new-account-passkey = Utiliser une clé d’accès au lieu d’un mot de passe
new-account-password = Choisir plutôt un mot de passe
problem-username-unfit = Ce ne peut pas être un nom d’utilisateur. Utilisez des lettres d’une seule écriture, des chiffres et des signes, 128 au plus.
problem-username-address = Un nom d’utilisateur qui ressemble à une adresse e-mail doit être votre propre adresse.
problem-username-taken = Ce nom d’utilisateur est déjà pris. Choisissez-en un autre.
